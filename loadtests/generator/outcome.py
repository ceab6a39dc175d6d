"""What the answer to a request means for its task."""

import json
from typing import Any

# Unknown: a message that may be on the broker although nobody said 202. The ledger lists it apart.
ACCEPTED, REFUSED, UNKNOWN = "accepted", "refused", "unknown"


def outcome(status: int, body: dict[str, Any]) -> str:
    """Whether the front end has the task, surely has not, or nobody knows.

    A 503 of Warren's says so itself (`sent`). 4xx are refusals before anything was published. All else, a lost
    connection (status 0) and a proxy's 5xx included, leaves it open.
    """
    if 200 <= status < 300:
        return ACCEPTED
    if 400 <= status < 500 or body.get("sent") == "no":
        return REFUSED
    return UNKNOWN


def parse(text: str | None) -> dict[str, Any]:
    """A JSON object, or an empty one when the answer is something else."""
    try:
        body = json.loads(text or "")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
