"""What is sent, by name: each module here has a function `call(rng, target) -> Call` that draws one task to send."""

import importlib
import pkgutil
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Call:
    """One task to send: its name and JSON arguments."""

    task: str
    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Target:
    """What a scenario may need to know of the stack under load: the front end's address and a file to download."""

    host: str
    download_url: str | None = None


Scenario = Callable[[random.Random, Target], Call]


def names() -> list[str]:
    """Every scenario there is."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load(name: str) -> Scenario:
    """The scenario of that name. Raises ValueError that lists the names there are."""
    if name not in names():
        raise ValueError(f"there is no scenario {name!r}; there are {', '.join(names())}")
    scenario: Scenario = importlib.import_module(f"{__name__}.{name}").call
    return scenario


def one_task(task: str, args: list[Any], kwargs: dict[str, Any]) -> Scenario:
    """A scenario that sends the same call every time: a task of the user's own."""
    call = Call(task, args, kwargs)
    return lambda rng, target: call
