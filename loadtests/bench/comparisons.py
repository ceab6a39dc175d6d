"""Comparisons within one bench: pairs of short runs in turn, on the same machine, in an order drawn from the seed."""

import math
import random
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from loadtests.analysis.interval import ratio
from loadtests.analysis.join import database, load_kind
from loadtests.analysis.result import Interval
from loadtests.bench.locust_run import Load, Phase, PhaseFailed, run_phase
from loadtests.bench.session import Session
from loadtests.bench.target import Target
from loadtests.bench.tutorial import tutorial_stack
from loadtests.bench.verdict import judge
from loadtests.generator.front_end import FrontEnd, FrontEndError

SECONDS, WARMUP = 4.0, 1.0
# Tasks a run of `--cost`: as many as take about 4 s.
COST_SECONDS = 4.0
FOLDER = "compared"

V = TypeVar("V")


def compare(session: Session, target: Target, options: dict[str, Any]) -> dict[str, Interval]:
    """What `--baseline` and `--cost` ask for, by name. Raises PhaseFailed."""
    found: dict[str, Interval] = {}
    folder = session.results / FOLDER
    repeats, seed = options["repeats"], options["seed"]
    if options["cost"]:
        tasks = max(500, round(COST_SECONDS * session.estimates[0].done)) if session.estimates else 2000
        front = FrontEnd(target.url, target.token, target.ca)
        arms = {
            "measured": lambda name: _to_the_end(session, front, folder, name, tasks, unmeasured=False),
            "unmeasured": lambda name: _to_the_end(session, front, folder, name, tasks, unmeasured=True),
        }
        one, other = pairs(arms, repeats, seed, session.say, "cost")
        found["measured ÷ unmeasured"] = ratio(one, other, "throughput, HTTP to done")
    if options["baseline"] and target.local:
        with tutorial_stack(target.local, session.say) as url:
            theirs = replace(session.load, url=url, token="", what=("--task", "noop"))
            ours = replace(session.load, what=("--task", "noop"))
            arms = {
                "warren": lambda name: _saturated(session, ours, folder, name),
                "tutorial": lambda name: _saturated(session, theirs, folder, name),
            }
            one, other = pairs(arms, repeats, seed, session.say, "baseline")
        found["warren ÷ tutorial"] = ratio(one, other, "tasks/s, HTTP to done, as fast as answers come")
    return found


def pairs(
    arms: dict[str, Callable[[str], V]],
    repeats: int,
    seed: int,
    say: Callable[[str], None],
    what: str,
    show: Callable[[V], str] = lambda value: f"{value:,.0f}/s",
) -> tuple[list[V], list[V]]:
    """Measure both arms `repeats` times, which one first being drawn each time. Their values, pair by pair."""
    rng = random.Random(seed)  # noqa: S311  an order, not a secret
    values: dict[str, list[V]] = {name: [] for name in arms}
    for number in range(1, repeats + 1):
        for name in rng.sample(list(arms), len(arms)):
            values[name].append(arms[name](f"{what}-{number}-{name}"))
        say(f"{what} {number} of {repeats}: " + ", ".join(f"{name} {show(got[-1])}" for name, got in values.items()))
    first, second = values.values()
    return first, second


def _saturated(session: Session, load: Load, folder: Path, name: str) -> float:
    """Tasks a second from the first sent to the last done, as fast as answers come."""
    run_phase(load, Phase(name, SECONDS, WARMUP), folder, f"{session.run}.{name}", session.tick(name))
    return judge(folder, name, None).done


def _to_the_end(session: Session, front: FrontEnd, folder: Path, name: str, tasks: int, unmeasured: bool) -> float:
    """Tasks a second until all are accepted and no queue holds one: known of unmeasured tasks as well."""
    phase = Phase(name, 10 * COST_SECONDS, tasks=tasks, unmeasured=unmeasured)
    run_phase(session.load, phase, folder, f"{session.run}.{name}", session.tick(name))
    try:
        waited = wait_until_empty(front, session.load.drain)
    except FrontEndError as error:
        raise PhaseFailed(f"{name}: {error}") from error
    with database() as db:
        load_kind(db, folder, "sends", name)
        query = "SELECT count(*), min(scheduled), max(answered) FROM sends WHERE outcome = 'accepted'"
        count, begin, end = db.execute(query).fetchone() or (0, 0.0, 1.0)
    return float(count / ((time.time() if waited else end) - begin))


def wait_until_empty(front: FrontEnd, patience: float) -> bool:
    """Until no queue but that of dead letters holds a message; whether there was any to wait for.

    Raises FrontEndError, also when their number has not fallen for `patience` seconds.
    """
    least, since, waited = math.inf, time.monotonic(), False
    while held := sum(queue["messages"] for queue in front.queues() if queue["name"] != "dead"):
        waited, now = True, time.monotonic()
        if held < least:
            least, since = held, now
        elif now - since > patience:
            raise FrontEndError(
                f"the queues still hold {held:,} messages, and no fewer for {patience:g} s (--drain): "
                "is something else sending, or no worker reading?"
            )
        time.sleep(0.02)
    return waited
