"""Who may ask: tokens, loopback names, other sites' pages. And how the front end refuses to start."""

import base64
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests

TOKEN = "correct horse"


@pytest.fixture(scope="module")
def guarded(processes: Any) -> Any:
    """A front end with a token."""
    return processes.web(WARREN_TOKEN=TOKEN)


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"anyone:{password}".encode()).decode()


@pytest.mark.parametrize("header", [f"Bearer {TOKEN}", f"bearer {TOKEN}", basic(TOKEN)])
def test_the_token_opens(guarded: Any, header: str) -> None:
    assert requests.get(f"{guarded.url}/queues", headers={"Authorization": header}, timeout=20).status_code == 200


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer wrong", f"Bearer {TOKEN}x", TOKEN, basic("wrong"), "Basic !", "Bearer \xe9"]
)
@pytest.mark.parametrize("path", ["/queues", "/", "/openapi.json", "/metrics", "/static/gendog.css", "/nowhere"])
def test_without_it_everything_is_closed(guarded: Any, path: str, header: str | None) -> None:
    headers = {"Authorization": header.encode("latin-1")} if header is not None else {}
    answer = requests.get(guarded.url + path, headers=headers, timeout=20)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic")
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_old_and_new_token_open_while_both_are_in_the_file(processes: Any, tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text("new\nold\n")
    url = processes.web(WARREN_TOKEN_FILE=str(tmp_path / "tokens")).url
    for token, status in {"new": 200, "old": 200, "new\nold": 401}.items():
        answer = requests.get(f"{url}/queues", headers={"Authorization": basic(token)}, timeout=20)
        assert answer.status_code == status


def test_probes_need_none(guarded: Any) -> None:
    for path in ("/healthz", "/readyz"):
        assert requests.get(guarded.url + path, timeout=20).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_other_sites_pages_cannot_send(guarded: Any, front: Any, headers: dict[str, str]) -> None:
    for each in (guarded, front):
        assert each.post("/", data={"submit": "clearDogPics"}, headers=headers).status_code == 403
        assert each.post("/tasks/noop", headers=headers).status_code == 403
        assert each.delete("/dead", json={"all": True}, headers=headers).status_code == 403
    assert front.get("/queues", headers=headers).status_code == 200


def test_its_own_pages_can(front: Any) -> None:
    for headers in ({"Sec-Fetch-Site": "same-origin"}, {"Origin": front.url}):
        assert front.post("/tasks/noop", headers=headers).status_code == 202


@pytest.mark.parametrize("host", ["elsewhere.example", "127.0.0.1.elsewhere.example", "192.0.2.1:80"])
def test_without_a_token_only_loopback_names_are_answered(front: Any, guarded: Any, host: str) -> None:
    assert front.get("/queues", headers={"Host": host}).status_code == 403
    assert guarded.get("/queues", headers={"Host": host}).status_code == 200


def test_every_answer_has_its_security_headers(front: Any) -> None:
    for path in ("/", "/queues", "/nowhere", "/static/gendog.js"):
        headers = front.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
    policy = front.get("/").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "img-src 'self' https://images.dog.ceo" in policy


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"WARREN_HOST": "0.0.0.0"}, "WARREN_TOKEN"),  # noqa: S104
        ({"WARREN_HOST": "::"}, "WARREN_TOKEN"),
        ({"WARREN_TOKEN_FILE": "/nowhere/token"}, "WARREN_TOKEN_FILE"),
        ({"WARREN_PORT": "70000"}, "WARREN_PORT"),
        ({"STACK_FILE": "/nowhere.yml"}, "STACK_FILE"),
        ({"CELERY_BROKER_URL": "http://nowhere"}, "CELERY_BROKER_URL"),
        ({"WARREN_DATA_DIR": "/proc/nowhere"}, "WARREN_DATA_DIR"),
        ({"WARREN_HOST": "192.0.2.1", "WARREN_TOKEN": "x"}, "WARREN_HOST"),
    ],
)
def test_it_refuses_to_start_and_says_what_to_change(
    processes: Any, tmp_path: Any, settings: dict[str, str], says: str
) -> None:
    assert refusal(processes, settings, says) == 2


def test_a_taken_port_is_named(processes: Any, front: Any) -> None:
    assert refusal(processes, {"WARREN_PORT": front.url.rpartition(":")[2]}, "WARREN_PORT") == 2


def refusal(processes: Any, settings: dict[str, str], says: str) -> int:
    """The exit code of a front end that cannot start; its last words must hold `says` and no traceback."""
    log = processes.folder / "web.log"
    before = log.stat().st_size if log.exists() else 0
    process: subprocess.Popen = processes.start("web", role="web", **settings)
    code = process.wait(30)
    words = log.read_text()[before:]
    assert says in words
    assert "Traceback" not in words
    return code
