"""What cannot work is refused, with the right status and words, wherever the target runs."""

from typing import Any

import pytest
import requests


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/tasks/nonsense", {}, 404),
        ("POST", "/tasks/add", {"args": [1]}, 422),
        ("POST", "/tasks/add", {"args": [1, "2"]}, 422),
        ("POST", "/tasks/noop", {"queue": "nowhere"}, 422),
        ("POST", "/tasks/noop", {"id": "a b"}, 422),
        ("POST", "/tasks/noop", {"countdown": -1}, 422),
        ("POST", "/batches", {"tasks": []}, 422),
        ("POST", "/dead/replay", {}, 422),
        ("DELETE", "/dead", {}, 422),
        ("GET", "/tasks/a b", None, 422),
        ("GET", "/tasks/x?wait=1000", None, 422),
        ("GET", "/longtime_add?x=two", None, 422),
        ("GET", "/dead?limit=0", None, 422),
        ("GET", "/runs/x/records?after=nonsense", None, 422),
        ("GET", "/nowhere", None, 404),
        ("PUT", "/queues", None, 405),
    ],
)
def test_refused_as_a_problem(front: Any, method: str, path: str, body: Any, status: int) -> None:
    answer = front.request(method, path, json=body)
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    problem = answer.json()
    assert problem["status"] == status
    assert problem["detail"]


def test_a_body_that_is_no_json_or_too_large(front: Any) -> None:
    headers = {"Content-Type": "application/json"}
    assert front.post("/tasks/noop", data=b"{", headers=headers).status_code == 400
    assert front.post("/tasks/noop", data=b"x=1", headers={"Content-Type": "text/plain"}).status_code == 415
    assert front.post("/tasks/noop", data=b" " * 2_000_000, headers=headers).status_code == 413


def test_without_the_token_only_probes_answer(front: Any) -> None:
    if "Authorization" not in front.headers:
        pytest.skip("the target has no token")
    assert requests.get(f"{front.url}/queues", timeout=30).status_code == 401
    assert requests.get(f"{front.url}/healthz", timeout=30).status_code == 200
