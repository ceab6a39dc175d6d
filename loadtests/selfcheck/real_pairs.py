"""The whole path of `warren compare` on real runs: two front ends alike, and two of which one was made slower.

All it does is the real thing (Locust, records, the ledger, the order drawn from the seed, the rank test), except that
the front ends are ours, so that it is known how much slower one of them is.
"""

from collections.abc import Callable

import numpy as np

from loadtests.bench.locust_run import Load
from loadtests.bench.target import Target
from loadtests.compare import command, show
from loadtests.compare.comparison import Comparison
from loadtests.selfcheck.document import Row
from loadtests.selfcheck.ground import Ground, NotTold
from loadtests.selfcheck.simulated import PLANTED, at_least, said_different, windows_by_chance
from loadtests.selfcheck.stub import Answers, stub

# Each answer takes so long, and so many requests are in flight, that neither the generator nor the front end is busy:
# the rate is USERS ÷ FLOOR, and a tenth more of one is nearly a tenth less of the other.
FLOOR, USERS = 0.1, 16
# Pairs that are measured, and how many of them make one comparison when more are made of these.
PAIRS, PART = 12, 6
# In short just what a verdict takes.
SHORT_PAIRS, SHORT_SECONDS, SECONDS = 5, 2.0, 3.0
DRAWS = 10_000
# A thing that differs from itself by a smaller p does so because of how it is compared: order, warm-up, side. The
# same of windows of its pairs that are called different, when chance does that to so many of them more rarely.
SURELY, RARELY = 0.001, 0.01


def alike(ground: Ground) -> list[Row]:
    """A/A. Raises NotTold, ProgramFailed, PhaseFailed."""
    found = _compared(ground, FLOOR)
    a, b = _rates(found)
    # Chance calls a thing different from itself in one of twenty comparisons, hardly ever in one of a thousand.
    real = found.differences[0].p >= SURELY
    rows = [
        Row(what=f"A/A, {len(a)} real pairs", expected="no difference", seen=_said(found), bound=f"p ≥ {SURELY}",
            ok=real, by_clock=True)
    ]  # fmt: skip
    return [*rows, in_order(a, b)]


def in_order(a: list[float], b: list[float]) -> Row:
    """Windows of the pairs as they were made, each a comparison: drift, order and side are in them as they were."""
    size = _part(a)
    windows = [(a[at : at + size], b[at : at + size]) for at in range(len(a) - size + 1)]
    errors = said_different(len(windows), lambda number: windows[number])
    most = windows_by_chance(len(a), size, RARELY)
    return Row(what=f"A/A called different, of {len(windows)} windows of {size} pairs", expected=f"at most {most}",
               seen=f"{errors}", bound=f"chance: more in < {RARELY:.0%}", ok=errors <= most, by_clock=True)  # fmt: skip


def slower(ground: Ground) -> list[Row]:
    """A/B. Raises NotTold, ProgramFailed, PhaseFailed."""
    found = _compared(ground, FLOOR * (1 + PLANTED))
    a, b = _rates(found)
    worse = found.differences[0].worse
    rows = [
        Row(what=f"{PLANTED:.0%} longer answers, {len(a)} real pairs", expected="B is worse", seen=_said(found),
            bound="seen", ok=worse, by_clock=True)
    ]  # fmt: skip

    def some(rng: np.random.Generator) -> tuple[list[float], list[float]]:
        one, other = (list(rng.choice(side, _part(a), replace=False)) for side in (a, b))
        return one, other

    seen = said_different(DRAWS, _drawing(ground, some))
    ground.notes.append(f"{DRAWS:,} comparisons of {_part(a)} a side were drawn at random from these runs")
    return [*rows, at_least(seen, DRAWS, by_clock=True)]


def _compared(ground: Ground, floor: float) -> Comparison:
    options = {
        "a": f"answers in {FLOOR:g} s",
        "b": f"answers in {floor:g} s",
        "baseline": None,
        "rate": None,
        "tolerance": 0.0,
        "seed": ground.seed,
        "repeats": SHORT_PAIRS if ground.short else PAIRS,
        "seconds": SHORT_SECONDS if ground.short else SECONDS,
    }
    with stub(Answers(FLOOR), ground.folder, "A") as one, stub(Answers(floor), ground.folder, "B") as other:
        urls = {"A": one.url, "B": other.url}
        loads = {name: Load(url, what=("--task", "noop"), users=USERS, seed=ground.seed) for name, url in urls.items()}
        targets = {name: Target(url, "", {"target": "a front end of the self-check"}) for name, url in urls.items()}
        found = command.measure(loads, targets, ground.folder, ground.run, options, ground.console)
    if not found.valid:
        raise NotTold("; ".join(found.reasons))
    return found


def _rates(found: Comparison) -> tuple[list[float], list[float]]:
    a, b = ([run.rate for run in found.runs[side]] for side in ("A", "B"))
    return a, b


def _part(runs: list[float]) -> int:
    return min(PART, len(runs) - 1)


def _drawing(
    ground: Ground, draw: Callable[[np.random.Generator], tuple[list[float], list[float]]]
) -> Callable[[int], tuple[list[float], list[float]]]:
    rng = np.random.default_rng(ground.seed)
    return lambda _: draw(rng)


def _said(found: Comparison) -> str:
    return show.sentence(found.differences[0]).removeprefix("rate: ")
