"""Which calls fit a task, judged without running it."""

from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery

from app.web.problems import Problem
from app.web.signatures import Signatures

celery = Celery("test", set_as_current=False)
ran: list[Any] = []


@celery.task(name="measure")
def measure(width: float, height: float = 1.0, *, unit: str | None = None) -> None:
    ran.append((width, height, unit))


@celery.task(name="bound", bind=True, autoretry_for=(OSError,))
def bound(self: Any, names: "list[str]") -> None:
    ran.append(names)


@celery.task(name="open")
def open_(*args, **kwargs):  # type: ignore[no-untyped-def]
    ran.append(args)


SIGNATURES = Signatures(celery.tasks.values())


@pytest.mark.parametrize(
    ("task", "args", "kwargs"),
    [
        ("measure", [1], {}),
        ("measure", [1.5, 2], {"unit": "m"}),
        ("measure", [], {"width": 1, "unit": None}),
        ("bound", [["a", "b"]], {}),
        ("open", [1, "2", None], {"any": {"thing": []}}),
    ],
)
def test_what_fits_passes_and_runs_nothing(task: str, args: list, kwargs: dict) -> None:
    SIGNATURES.judge(task, args, kwargs)
    assert ran == []


@pytest.mark.parametrize(
    ("task", "args", "kwargs", "says"),
    [
        ("measure", [], {}, "argument 'width' is missing"),
        ("measure", [1, 2, "m"], {}, "argument 3 is one too many"),
        ("measure", [1], {"width": 1}, "argument 'width'"),
        ("measure", [1], {"depth": 1}, "there is no argument 'depth'"),
        ("measure", ["1"], {}, "argument 1"),
        ("measure", [True], {}, "argument 1"),
        ("measure", [float("nan")], {}, "argument 1"),
        ("measure", [None], {}, "argument 1"),
        ("measure", [1], {"unit": 3}, "argument 'unit'"),
        ("bound", [], {}, "argument 'names' is missing"),
        ("bound", ["a"], {}, "argument 1"),
        ("bound", [["a", 2]], {}, "argument 1[1]"),
        ("bound", [["a"]], {"self": 1}, "there is no argument 'self'"),
    ],
)
def test_what_does_not_fit_is_named(task: str, args: list, kwargs: dict, says: str) -> None:
    with pytest.raises(Problem) as refused:
        SIGNATURES.judge(task, args, kwargs)
    assert refused.value.status == 422
    assert says in refused.value.detail


def test_unknown_tasks_and_celerys_own_are_not_found() -> None:
    for name in ("nonsense", "celery.backend_cleanup", ""):
        with pytest.raises(Problem) as refused:
            SIGNATURES.judge(name, [], {})
        assert refused.value.status == 404
        assert all(task in refused.value.detail for task in ("bound", "measure", "open"))


def test_the_names_are_sorted_and_ours() -> None:
    # Tasks of other modules are shared with every app of the process, so there may be more.
    assert {"bound", "measure", "open"} <= set(SIGNATURES.names)
    assert sorted(SIGNATURES.names) == list(SIGNATURES.names)
    assert not [name for name in SIGNATURES.names if name.startswith("celery.")]
    assert Signatures([SimpleNamespace(name="one", run=lambda x: x)]).names == ["one"]
