"""The checks there are, in the order in which they are done: quick ones first, what takes minutes last."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadtests.selfcheck.document import Row
    from loadtests.selfcheck.ground import Ground


@dataclass(frozen=True)
class Kind:
    """`where`: its function, as `module.function` of this package, loaded when it is done.

    `seconds`: about how long it takes in full where the machine is free; `short`: in its short form, None: named only.
    """

    what: str
    where: str
    seconds: float
    short: float | None

    @property
    def run(self) -> "Callable[[Ground], list[Row]]":
        module, _, function = self.where.partition(".")
        found: Callable[[Ground], list[Row]] = getattr(import_module(f"loadtests.selfcheck.{module}"), function)
        return found

    def about(self, short: bool) -> float:
        """Seconds that it takes where the machine is free."""
        return self.short if short and self.short is not None else self.seconds


CHECKS: dict[str, Kind] = {
    "statistics": Kind("made-up runs: errors and power of the rank test", "simulated.run", 15, 3),
    "stall": Kind("a front end that stands still for 2 s, against percentiles by hand", "stall.run", 25, 10),
    "saturated": Kind("a generator asked for more than it can send", "saturated.run", 70, 12),
    "http": Kind("percentiles over HTTP at a fixed rate, against vegeta", "http.run", 130, 25),
    "broker": Kind("messages a second through RabbitMQ, against PerfTest", "broker.run", 130, 35),
    "a-a": Kind("`warren compare` on two front ends that are alike", "real_pairs.alike", 200, None),
    "a-b": Kind("`warren compare` where one is 10 % slower", "real_pairs.slower", 200, None),
}


def chosen(only: tuple[str, ...], short: bool) -> dict[str, Kind]:
    """Those that were named; without names all that have such a form."""
    return {
        name: kind for name, kind in CHECKS.items() if (name in only if only else kind.short is not None or not short)
    }


def listing() -> list[str]:
    """For `--list`: names, what they do, and how long."""
    return [
        f"{name:11} {kind.what}; {kind.seconds:g} s, "
        + (f"{kind.short:g} s in short" if kind.short else "not in short")
        for name, kind in CHECKS.items()
    ]
