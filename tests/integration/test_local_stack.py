"""The stack in one command: it comes up whole, says what happens to it, and leaves nothing when it goes."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from click.testing import CliRunner

from loadtests.commands import stack as commands
from loadtests.local import leftovers, rabbitmq_program
from loadtests.local.ports import free_ports, is_free
from loadtests.local.state import StackState

ROOT = Path(__file__).parents[2]
WARREN = str(Path(sys.executable).parent / "warren")


def warren(*arguments: str, directory: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of `warren` on the stack in `directory`."""
    command = [WARREN, *arguments, "--dir", str(directory)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=150, env=os.environ | environment)


def status(directory: Path) -> dict[str, Any]:
    shown = warren("status", "--json", directory=directory)
    assert shown.returncode == 0, shown.stderr
    return json.loads(shown.stdout)


def process(directory: Path, name: str) -> dict[str, Any]:
    return next(process for process in status(directory)["processes"] if process["name"] == name)


def wait_until(condition: Callable[[], Any], what: str, within: float = 60) -> Any:
    deadline = time.monotonic() + within
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what} did not happen within {within:.0f} s"
        time.sleep(0.2)
    return found


def mark_of(directory: Path) -> str:
    state = StackState.read(directory)
    assert state
    return state.mark


def port_of(url: str) -> int:
    found = re.search(r":(\d+)(?:/|$)", url)
    assert found
    return int(found[1])


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A stack in the background, in a folder whose name is full of traps, as `warren up` leaves it."""
    directory = tmp_path_factory.mktemp("stack") / "with space & 100%(here)s, 'ä'"
    started = warren("up", "--flower", "--port", str(free_ports(1)[0]), directory=directory)
    assert started.returncode == 0, started.stderr
    yield directory
    assert warren("down", "--grace", "20", directory=directory).returncode == 0


@pytest.fixture(autouse=True)
def _end_what_a_failed_test_leaves(tmp_path: Path) -> Iterator[None]:
    yield
    for noted in tmp_path.rglob("stack.json"):
        leftovers.end(leftovers.marked(mark_of(noted.parent)), grace=10)


def test_every_process_runs_and_a_task_goes_through(up: Path) -> None:
    now = status(up)
    assert {process["role"] for process in now["processes"]} == {
        *("epmd", "broker", "web", "worker", "beat", "consumer", "flower")
    }
    assert [p["name"] for p in now["processes"] if p["state"] != "running" or not p["pid"] or p["restarts"]] == []
    answer = requests.get(f"{now['url']}/longtime_add?x=2&y=3", timeout=30)
    assert (answer.status_code, answer.text.strip()) == (200, "5")
    assert requests.get(now["flower"], timeout=10).status_code == 200
    metrics = next(process["metrics"] for process in now["processes"] if process["role"] == "worker")
    assert requests.get(metrics, timeout=10).status_code == 200


def test_no_password_stands_on_a_command_line_or_is_readable_by_others(up: Path) -> None:
    arguments = " ".join(" ".join(process.cmdline()) for process in leftovers.marked(mark_of(up)))
    secrets = [*json.loads((up / "rabbitmq/node.json").read_text())["passwords"].values()]
    assert "app worker" in arguments
    assert [secret for secret in secrets if secret in arguments] == []
    assert up.stat().st_mode & 0o077 == 0


def test_a_stack_that_is_up_is_not_started_twice(up: Path) -> None:
    again = warren("up", directory=up)
    assert again.returncode == 1
    assert "is up already" in again.stderr
    assert "warren down" in again.stderr
    assert requests.get(f"{status(up)['url']}/readyz", timeout=10).status_code == 200


def test_a_taken_port_is_named_with_its_owner_and_the_cure(up: Path, tmp_path: Path) -> None:
    port = port_of(status(up)["url"])
    refused = warren("up", "--port", str(port), directory=tmp_path / "other")
    assert refused.returncode == 2
    assert re.search(rf"port {port} is taken by .*\(pid \d+\); choose another with --port", refused.stderr)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_worker_is_started_again_and_shown(up: Path) -> None:
    before = process(up, "worker-io-0")
    os.kill(before["pid"], signal.SIGKILL)

    def again() -> dict[str, Any] | None:
        now = process(up, "worker-io-0")
        return now if now["restarts"] == 1 and now["state"] == "running" else None

    after = wait_until(again, "the worker's restart")
    assert after["pid"] != before["pid"]
    assert after["crashes"] == 1
    assert after["last_exit"].startswith("killed by SIGKILL at 2")
    assert "killed by SIGKILL" in warren("status", directory=up).stdout


def test_logs_are_shown_by_process(up: Path) -> None:
    shown = warren("logs", "web", "beat", directory=up)
    assert {line.split()[0] for line in shown.stdout.splitlines()} == {"web", "beat"}
    wrong = warren("logs", "wbe", directory=up)
    assert wrong.returncode == 2
    assert "there is: beat" in wrong.stderr


def test_a_second_stack_lives_beside_it_and_ends_with_its_parent(up: Path, tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from loadtests.local.stack import LocalStack;"
        "stack = LocalStack(Path(sys.argv[1])); stack.start(); print(stack.url, flush=True); time.sleep(100)"
    )
    other = tmp_path / "other"
    with subprocess.Popen([sys.executable, "-c", script, str(other)], cwd=ROOT, stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        url = parent.stdout.readline().decode().strip()
        ids = [
            requests.post(f"{base}/tasks/add", json={"args": [1, 2]}, timeout=10).json()["id"]
            for base in (url, status(up)["url"])
        ]
        results = [
            requests.get(f"{base}/tasks/{id}?wait=10", timeout=20).json()
            for base, id in zip((url, status(up)["url"]), ids, strict=True)
        ]
        assert [result["result"] for result in results] == [3, 3]
        theirs = leftovers.marked(mark_of(other))
        assert len(theirs) > 10
        parent.kill()
    wait_until(lambda: not leftovers.marked(mark_of(other)), "the end of the orphaned stack")
    assert is_free(port_of(url))
    assert requests.get(f"{status(up)['url']}/readyz", timeout=10).status_code == 200


@pytest.mark.parametrize(
    ("moment", "how"),
    [
        ("starting RabbitMQ", signal.SIGINT),
        ("starting RabbitMQ", signal.SIGTERM),
        ("processes of the app", signal.SIGINT),
    ],
)
def test_an_interrupted_start_leaves_nothing_running(tmp_path: Path, moment: str, how: signal.Signals) -> None:
    directory = tmp_path / "stack"
    command = [WARREN, "up", "--dir", str(directory)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as starting:
        assert starting.stderr
        next(line for line in starting.stderr if moment in line)
        mark = mark_of(directory)
        assert leftovers.marked(mark)
        starting.send_signal(how)
        rest = starting.stderr.read()
        assert starting.wait(60) == 130
    assert "stopping what was started" in rest
    assert leftovers.marked(mark) == []
    assert StackState.read(directory) is None


def test_a_folder_with_other_things_in_it_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/precious").write_text("mine")
    refused = warren("up", directory=tmp_path)
    assert refused.returncode == 1
    assert "holds other things" in refused.stderr
    assert warren("down", "--remove", directory=tmp_path).returncode == 0
    assert [path.name for path in tmp_path.rglob("*")] == ["data", "precious"]


def test_without_a_rabbitmq_the_one_command_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rabbitmq_program, "_HOMES", (str(tmp_path / "nothing*"),))
    monkeypatch.delenv("WARREN_RABBITMQ_HOME", raising=False)
    shown = CliRunner().invoke(commands.up, ["--dir", str(tmp_path / "stack")])
    assert shown.exit_code == 1
    assert "sudo scripts/system-packages rabbitmq" in shown.output
    assert list(tmp_path.iterdir()) == []


def test_off_loopback_a_token_is_required(tmp_path: Path) -> None:
    everywhere = "0.0.0.0"  # noqa: S104  it is refused
    refused = warren("up", "--host", everywhere, directory=tmp_path / "stack", WARREN_TOKEN="")
    assert refused.returncode == 2
    assert "WARREN_TOKEN" in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_child_that_cannot_start_is_named_with_its_log(tmp_path: Path) -> None:
    directory = tmp_path / "stack"
    failed = warren("up", directory=directory, WARREN_DOG_API="no address")
    assert failed.returncode == 1
    assert re.search(r"[\w-]+ ended while starting:\n(.*\n)*.*WARREN_DOG_API", failed.stderr), failed.stderr
    assert StackState.read(directory) is None


@pytest.fixture
def stubborn(up: Path) -> Iterator[psutil.Process]:
    """A stopped process of the stack that does not end with the supervisor, nor is woken by its end.

    A worker will not do: the kernel sends SIGCONT to the stopped children of a parent that dies (setpgid(2)).
    """
    environment = os.environ | {leftovers.MARK: mark_of(up)}
    with subprocess.Popen(["sleep", "600"], env=environment, start_new_session=True) as child:
        process = psutil.Process(child.pid)
        process.suspend()
        yield process
        child.kill()


# The last one: it breaks the module's stack.
def test_what_a_killed_supervisor_left_is_cleared_away(up: Path, stubborn: psutil.Process) -> None:
    now, mark = status(up), mark_of(up)
    supervisor = next(p for p in leftovers.marked(mark) if "supervisor.supervisord" in p.cmdline())
    supervisor.kill()
    wait_until(lambda: is_free(port_of(now["url"])), "the front end's end")
    lost = warren("status", directory=up)
    assert lost.returncode == 1
    assert "warren down" in lost.stderr
    done = warren("down", directory=up)
    assert done.returncode == 0
    assert f"(pid {stubborn.pid})" in done.stderr
    assert leftovers.marked(mark) == []
