"""Asking for what not every foundation knows: refused fields are left out one by one, and that is said."""

import copy
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from loadtests.cloudfoundry.client.errors import ApiError

T = TypeVar("T")


def ask(
    send: Callable[[dict[str, Any]], T],
    body: dict[str, Any],
    fields: Mapping[str, str],
    say: Callable[[str], None],
) -> T:
    """`send` the body, without those of `fields` that the foundation calls unknown.

    `fields`: dotted path in the body → what it means to go without. Where the foundation tells of no field that could
    be left out, its refusal is raised: a wrong value is never dropped in silence.
    """
    body, left = copy.deepcopy(body), {path: cost for path, cost in fields.items() if _has(body, path)}
    while True:
        try:
            return send(body)
        except ApiError as error:
            refused = next((path for path in left if error.unknown_field(path.rpartition(".")[2])), None)
            if refused is None:
                raise
            say(f"this foundation does not know {refused}: {left.pop(refused)}")
            _drop(body, refused)
            left = {path: cost for path, cost in left.items() if _has(body, path)}


def _has(body: Any, path: str) -> bool:
    for step in path.split("."):
        if not isinstance(body, dict) or step not in body:
            return False
        body = body[step]
    return True


def _drop(body: dict[str, Any], path: str) -> None:
    *steps, last = path.split(".")
    for step in steps:
        body = body[step]
    del body[last]
