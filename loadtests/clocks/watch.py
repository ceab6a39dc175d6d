"""Reads a target's clocks before and after a load, and writes them into the manifest of its results."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from loadtests.analysis import manifest
from loadtests.analysis.clocks import MANIFEST, Clock, Reading
from loadtests.clocks.ask import Way, read

# Which machines there are, and how to ask them, at this moment: pods come and go.
Ways = Callable[[], Sequence[Way]]
GONE = "it was not there any more"


@contextmanager
def watched(results: Path, ways: Ways | None) -> Iterator[None]:
    """Around the load; the manifest must be there. A machine that cannot be asked is noted, and stops nothing."""
    if ways is None:
        yield
        return
    clocks: dict[str, Clock] = {}
    _look(results, ways, clocks, "before")
    yield
    _look(results, ways, clocks, "after")


def _look(results: Path, ways: Ways, clocks: dict[str, Clock], when: Literal["before", "after"]) -> None:
    asked = ways()
    found = read(asked)
    for way in asked:
        clock = clocks.setdefault(way.machine, Clock(machine=way.machine, how=way.how, same=way.same, stamps=[]))
        clock.stamps = sorted({*clock.stamps, *way.stamps})
        said = found[way.machine]
        if isinstance(said, Reading):
            setattr(clock, when, said)
        else:
            clock.unread[when] = str(said)
    for machine in clocks.keys() - found.keys():
        clocks[machine].unread[when] = GONE
    content = manifest.read(results) | {MANIFEST: [clock.model_dump() for clock in clocks.values()]}
    manifest.write(results, content)
