"""compose.yaml on a real Docker engine, with images of the distribution's packages: as root.

A producer and a consumer beside Celery with the broker's management UI; and then all of the stack.
"""

import base64
import json
import os
import shutil
import subprocess
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tenacity import retry, stop_after_delay, wait_fixed

from tests.cluster import images

from .engine import Engine

ROOT = Path(__file__).parents[2]
HEALTHY = "240"  # seconds

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="an engine is started by root"),
    pytest.mark.skipif(not shutil.which("dockerd"), reason="no Docker engine: scripts/system-packages engine"),
]


class Stack:
    """compose.yaml of a copy of what it mounts, so that secrets of the checkout stay as they are."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine, self.folder = engine, folder
        engine.add_compose()
        names = {}
        for name in ("python", "rabbitmq", "valkey"):
            engine.docker("load", "--input", str(images.ensure(name, print)))
            names[name] = images.RECIPES[name].reference
        build = {"BASE_IMAGE": names["python"], "PYTHON_VERSION": names["python"].rpartition(":")[2]}
        image = subprocess.run(
            [ROOT / "scripts/image"],
            env=os.environ | engine.environment | build,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout.strip()
        for file in ("compose.yaml", "stack.yml"):
            shutil.copy(ROOT / file, folder)
        subprocess.run(
            [ROOT / ".venv/bin/python", "-m", "loadtests.compose"],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            check=True,
        )
        self._environment = {"WARREN_IMAGE": image, "BROKER_IMAGE": names["rabbitmq"], "RESULTS_IMAGE": names["valkey"]}

    def compose(self, *arguments: str) -> str:
        done = subprocess.run(
            ["docker", "compose", "--profile", "stack", *arguments],
            cwd=self.folder,
            env=os.environ | self.engine.environment | self._environment,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    def curl(self, *arguments: str) -> str:
        """As a browser on the engine's machine."""
        command = self.engine.inside(["curl", "--silent", "--show-error", "--fail", "--max-time", "30", *arguments])
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def secret(self, name: str) -> str:
        return (self.folder / ".warren/compose" / name).read_text()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Engine() as engine:
        yield Stack(engine, tmp_path_factory.mktemp("compose"))


@retry(stop=stop_after_delay(60), wait=wait_fixed(1), reraise=True)
def eventually(check: Any) -> None:
    check()


def test_a_message_sent_over_http_is_printed_by_the_consumer_and_seen_in_the_management_ui(stack: Stack) -> None:
    stack.compose("up", "--detach", "--wait", "--wait-timeout", HEALTHY, "broker", "web", "consumer")
    token = f"Authorization: Bearer {stack.secret('token')}"
    sent = stack.curl("-H", token, "-H", "Content-Type: text/plain", "-d", "hello", "http://127.0.0.1:8080/plain")
    assert json.loads(sent)["state"] == "accepted"

    def printed() -> None:
        assert "hello" in stack.compose("logs", "consumer")

    eventually(printed)
    login = base64.b64encode(f"admin:{json.loads(stack.secret('passwords.json'))['admin']}".encode()).decode()
    url = f"http://127.0.0.1:15672/api/queues/warren/{urllib.parse.quote('plain')}"

    def counted() -> None:
        queue = json.loads(stack.curl("-H", f"Authorization: Basic {login}", url))
        assert queue["consumers"] == 1
        assert queue["message_stats"]["publish"] == queue["message_stats"]["ack"] == 1

    eventually(counted)


def test_the_whole_stack(stack: Stack) -> None:
    stack.compose("up", "--detach", "--wait", "--wait-timeout", HEALTHY)
    token = f"Authorization: Bearer {stack.secret('token')}"
    assert stack.curl("-H", token, "http://127.0.0.1:8080/longtime_add?x=2&y=3") == "5"
    flower = stack.curl("--user", stack.secret("flower-login"), "http://127.0.0.1:5555/workers?json=1")
    assert all(f"{pool}-0@" in flower for pool in ("fast", "io", "long"))


def test_no_environment_shows_a_password(stack: Stack) -> None:
    passwords = json.loads(stack.secret("passwords.json")).values()
    for container in stack.engine.docker("ps", "--quiet").split():
        shown = stack.engine.docker("inspect", container)
        assert not [each for each in passwords if each in shown]
