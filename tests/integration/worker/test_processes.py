"""What `python -m app` refuses, and what its processes show of themselves."""

import base64
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest


def get(url: str, login: str | None = None) -> tuple[int, str]:
    request = urllib.request.Request(url)  # noqa: S310 - our own
    if login:
        request.add_header("Authorization", "Basic " + base64.b64encode(login.encode()).decode())
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""


@pytest.mark.parametrize(
    ("arguments", "env", "says"),
    [
        (["worker", "nonesuch"], {}, "there is no pool 'nonesuch'"),
        (["worker", "fast"], {"CELERY_BROKER_URL": ""}, "no broker address found"),
        (["worker", "fast"], {"CELERY_BROKER_URL": "http://x"}, "not a RabbitMQ address"),
        (["worker", "fast"], {"STACK_FILE": "missing.yml"}, "missing.yml"),
        (["worker", "fast"], {"WARREN_METRICS_PORT": "many"}, "WARREN_METRICS_PORT"),
        (["worker", "fast", "--index", "-1"], {}, "--index"),
        (["worker", "fast"], {"WARREN_DATA_DIR": "/proc/nowhere"}, "WARREN_DATA_DIR: /proc/nowhere"),
        (
            ["worker", "fast"],
            {"CELERY_BACKEND_URL": "db+sqlite:////dev/null/x/results.db"},
            "CELERY_BACKEND_URL: /dev/null/x",
        ),
        (["beat"], {"WARREN_DATA_DIR": "/dev/null"}, "WARREN_DATA_DIR: /dev/null"),
        (["beat"], {"CELERY_BROKER_URL": ""}, "no broker address found"),
        (["consumer"], {"STACK_FILE": "missing.yml"}, "missing.yml"),
        (["flower"], {"FLOWER_HOST": "0.0.0.0"}, "FLOWER_BASIC_AUTH=user:password"),  # noqa: S104 - refused
        (["flower"], {"FLOWER_BASIC_AUTH": "nocolon"}, "user:password"),
        (["alive"], {}, "WARREN_HEARTBEAT_FILE"),
        (["nonesuch"], {}, "No such command"),
    ],
)
def test_bad_input_ends_with_2_and_says_what_to_do(
    tmp_path: Path, root: Path, arguments: list[str], env: dict[str, str], says: str
) -> None:
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(root),
        "STACK_FILE": str(root / "stack.yml"),
        "CELERY_BROKER_URL": "amqp://u:p@127.0.0.1:9/v",
        "WARREN_DATA_DIR": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-m", "app", *arguments],
        env=environment | env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 2, done.stderr
    assert says in done.stderr and "Traceback" not in done.stderr


def test_probes_are_cheap(root: Path) -> None:
    """A probe every few seconds must not load Celery each time."""
    code = "import sys, app.__main__; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert not {"celery", "pika", "pydantic", "kombu"} & set(done.stdout.split())


def test_flower_wants_its_password_and_shows_none_to_the_host(stack: Any, wait_until: Any) -> None:
    stack.worker("fast")
    port = stack.free_port()
    flower = stack.run(
        "flower",
        role="monitor",
        FLOWER_HOST="0.0.0.0",  # noqa: S104 - behind a password
        FLOWER_LISTEN_PORT=str(port),
        FLOWER_BASIC_AUTH="ops:very-secret",
    )
    url = f"http://127.0.0.1:{port}"

    def shows_the_worker() -> bool:
        try:
            return "fast-0@" in get(f"{url}/workers?json=1", "ops:very-secret")[1]
        except OSError:
            return False

    wait_until(shows_the_worker, f"a worker on Flower's page:\n{flower.log()}")
    assert get(f"{url}/workers")[0] == 401
    assert get(f"{url}/workers", "ops:wrong")[0] == 401
    assert b"secret" not in Path(f"/proc/{flower.pid}/cmdline").read_bytes()
    assert "very-secret" not in flower.log()
    flower.stop()


def test_a_worker_tells_prometheus_what_it_does(stack: Any, wait_until: Any) -> None:
    port = stack.free_port()
    stack.worker("io", WARREN_METRICS_PORT=str(port))
    for task in ("noop", "noop", "fail", "sleep"):
        stack.send(task, *([60] if task == "sleep" else []), queue="io")
    stack.recorded(3)

    def value(name: str) -> float | None:
        lines = get(f"http://127.0.0.1:{port}/metrics")[1].splitlines()
        return next((float(line.split()[-1]) for line in lines if line.startswith(name)), None)

    wait_until(lambda: value('warren_tasks_total{task="noop"}') == 2, "two noops counted")
    wait_until(lambda: value("warren_records_pending_bytes") == 0, "no record waits")
    assert value('warren_tasks_failed_total{task="fail"}') == 1
    assert value('warren_tasks_active{task="sleep"}') == 1
    assert value("warren_consuming ") == 1
    assert (value("warren_loop_age_seconds") or 0) < 30


def test_a_metrics_port_in_use_is_explained(stack: Any) -> None:
    port = stack.free_port()
    first = stack.worker("io", WARREN_METRICS_PORT=str(port))
    second = stack.run("worker", "io", "--index", "1", WARREN_METRICS_PORT=str(port))
    assert second.ended() == 1
    assert "WARREN_METRICS_PORT" in second.log() and first.popen.poll() is None
