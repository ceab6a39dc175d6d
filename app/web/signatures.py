"""What arguments each task takes: a table made once, when the process starts, from the Celery app's own tasks."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any, get_type_hints

from pydantic import ConfigDict, ValidationError, validate_call

from app.web.problems import Problem

# Strict: JSON's "3" is no number. The task gets what was sent, so what was sent has to fit.
_STRICT = ConfigDict(strict=True, allow_inf_nan=False)
Check = Callable[..., None]


class Signatures:
    """Judges task names and arguments before anything is published."""

    def __init__(self, tasks: Iterable[Any]) -> None:
        """`tasks`: Celery task objects, such as `celery_app.tasks.values()`. Celery's own are left out."""
        self._checks = {task.name: _check(task.run) for task in tasks if not task.name.startswith("celery.")}

    @property
    def names(self) -> list[str]:
        """Every task one may send, sorted."""
        return sorted(self._checks)

    def judge(self, task: str, args: list[Any], kwargs: dict[str, Any]) -> None:
        """Raises Problem 404 for a task that does not exist, 422 for arguments that it cannot be called with."""
        check = self._checks.get(task)
        if check is None:
            raise Problem(404, f"there is no task {task!r}; there are {', '.join(self.names)}")
        try:
            check(*args, **kwargs)
        except ValidationError as error:
            wrong = "; ".join(_explain(detail) for detail in error.errors(include_url=False)[:5])
            raise Problem(422, f"these arguments do not fit {task}: {wrong}") from error


def _check(run: Callable[..., Any]) -> Check:
    """A function with the task's signature that does nothing but have its arguments validated by pydantic."""

    def fits(*args: Any, **kwargs: Any) -> None:
        return None

    fits.__signature__ = inspect.signature(run)  # type: ignore[attr-defined]
    fits.__annotations__ = get_type_hints(run, include_extras=True)
    return validate_call(config=_STRICT)(fits)


def _explain(detail: Any) -> str:
    where, kind = detail["loc"][0] if detail["loc"] else "", detail["type"]
    name = f"argument {where + 1}" if isinstance(where, int) else f"argument {where!r}"
    deeper = "".join(f"[{step!r}]" for step in detail["loc"][1:])
    if kind.startswith("missing_"):
        return f"{name} is missing"
    if kind == "unexpected_positional_argument":
        return f"{name} is one too many"
    if kind == "unexpected_keyword_argument":
        return f"there is no {name}"
    return f"{name}{deeper}: {detail['msg']}"
