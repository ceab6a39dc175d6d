"""The stack found in a namespace, by a `kubectl` that is made up."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from loadtests.kubernetes.deployment import read
from loadtests.kubernetes.facts import pod_facts
from loadtests.kubernetes.kubectl import Kubectl, KubectlError

ROOT = Path(__file__).parents[2]
# Answers `get KIND…` with the file of that name, an empty list when there is none; refuses what is in `refused`.
KUBECTL = """#!/bin/sh
while [ "${1#--}" != "$1" ]; do shift; done
if [ -f "$ANSWERS/refused-$2" ]; then echo "Error from server (Forbidden): $2 is forbidden" >&2; exit 1; fi
if [ -f "$ANSWERS/$2" ]; then cat "$ANSWERS/$2"; else echo '{"items": []}'; fi
"""


@pytest.fixture
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of what the cluster answers."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "kubectl").write_text(KUBECTL)
    (programs / "kubectl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setenv("ANSWERS", str(tmp_path))
    return tmp_path


def say(folder: Path, kind: str, content: Any) -> None:
    (folder / kind).write_text(json.dumps(content))


def deployed(folder: Path) -> None:
    volumes = [
        {"name": "secrets", "secret": {"secretName": "web-1"}},
        {"name": "stack", "configMap": {"name": "stack-1"}},
    ]
    say(folder, "deployments", {"items": [{"spec": {"template": {"spec": {"volumes": volumes}}}}]})
    say(folder, "secret", {"data": {"token": base64.b64encode(b"let-me-in").decode()}})
    say(folder, "configmap", {"data": {"stack.yml": (ROOT / "stack.yml").read_text()}})


def test_token_and_contract_are_those_of_the_front_end(answers: Path) -> None:
    deployed(answers)
    found = read(Kubectl())
    assert (found.token, found.url) == ("let-me-in", "")
    assert "fast" in found.contract.pools


def test_the_way_in_is_an_ingress_or_a_load_balancer(answers: Path) -> None:
    deployed(answers)
    service = {"spec": {"ports": [{"port": 80}]}, "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}}}
    say(answers, "services", {"items": [service]})
    assert read(Kubectl()).url == "http://192.0.2.7:80"
    say(answers, "ingresses", {"items": [{"spec": {"rules": [{"host": "warren.example"}], "tls": [{}]}}]})
    assert read(Kubectl()).url == "https://warren.example"


def test_a_namespace_without_the_stack_is_named_with_the_cure(answers: Path) -> None:
    with pytest.raises(KubectlError, match=r"the namespace elsewhere holds no front end.*--namespace.*pulumi up"):
        read(Kubectl("elsewhere"))


def test_what_kubectl_refuses_and_that_it_is_missing(answers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (answers / "refused-deployments").touch()
    with pytest.raises(KubectlError, match="Forbidden"):
        read(Kubectl())
    monkeypatch.setenv("PATH", str(answers))
    with pytest.raises(KubectlError, match="kubectl is missing; install it"):
        read(Kubectl())


def test_who_may_not_look_at_nodes_still_gets_pods(answers: Path) -> None:
    labels = {"app.kubernetes.io/name": "warren", "app.kubernetes.io/component": "web"}
    pod = {"metadata": {"name": "web-1", "labels": labels}, "spec": {"nodeName": "n"}, "status": {"phase": "Running"}}
    going = {**pod, "metadata": {"name": "web-2", "labels": labels, "deletionTimestamp": "now"}}
    say(answers, "pods", {"items": [pod, going]})
    (answers / "refused-nodes").touch()
    found = pod_facts(Kubectl())
    assert set(found) == {"web-1"}
    assert found["web-1"]["groups"] == ["web", "n"]


@pytest.mark.parametrize(
    "options",
    [
        ["--namespace", "warren"],
        ["--target", "hosts", "--context", "c"],
        ["--target", "kubernetes", "--broker", "amqp://x", "--task", "t", "--queue", "q"],
    ],
)
def test_options_that_do_not_go_together(options: list[str]) -> None:
    from loadtests.cli import main

    done = CliRunner().invoke(main, ["bench", *options])
    assert done.exit_code == 2
    assert "--target kubernetes" in done.output
