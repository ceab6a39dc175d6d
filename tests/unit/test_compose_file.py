"""compose.yaml fits stack.yml, and `make compose-secrets` says where one that was changed does not."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from loadtests import compose

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where compose.yaml and stack.yml can be changed."""
    for name in ("compose.yaml", "stack.yml"):
        shutil.copy(ROOT / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_as_it_is_shipped_it_fits(folder: Path) -> None:
    assert compose.main() == 0
    definitions = (folder / ".warren/compose/definitions.json").read_text()
    assert '"rabbitmq_version": "4.1.4"' in definitions  # what compose.yaml starts


def test_results_give_way_as_they_do_on_hosts(folder: Path) -> None:
    compose.main()
    hosts = yaml.safe_load((ROOT / "ansible/roles/results/defaults/main.yml").read_text())
    said = (folder / ".warren/compose/results-conf").read_text().splitlines()
    assert f"maxmemory-policy {hosts['results_eviction']}" in said


Change = Callable[[str], str]
ANOTHER = "{kind: threads, queues: [io], processes: 1, concurrency: 2, prefetch: 2, longest_task: 1s}"


@pytest.mark.parametrize(
    ("file", "change", "says"),
    [
        (
            "stack.yml",
            lambda text: text.replace("pools:\n", f"pools:\n  more: {ANOTHER}\n"),
            "no service runs the pool more of stack.yml; add worker-more",
        ),
        (
            "compose.yaml",
            lambda text: text.replace("command: [worker, io]", "command: [worker, gone]"),
            "a service runs the pool gone, which stack.yml does not have",
        ),
        (
            "stack.yml",
            lambda text: text.replace("timeout: 120s", "timeout: 180s"),
            "the worker of long is killed 2m after SIGTERM, but stop.timeout of stack.yml is 3m",
        ),
        (
            "compose.yaml",
            lambda text: text.replace("rabbitmq:4.1.4-management", "rabbitmq:management"),
            "does not say which RabbitMQ it is",
        ),
    ],
    ids=["a pool more", "a worker of no pool", "a longer stop", "a broker without a version"],
)
def test_what_does_not_fit_is_said_and_nothing_is_made(
    folder: Path, capsys: pytest.CaptureFixture[str], file: str, change: Change, says: str
) -> None:
    (folder / file).write_text(change((ROOT / file).read_text()))
    assert compose.main() == 2
    assert says in capsys.readouterr().err
    assert not (folder / ".warren").exists()
