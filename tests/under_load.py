"""A bounded load with a fault in the middle of it, on any target, and what the ledger says afterwards."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from loadtests.analysis.analyse import Asked, analyse
from loadtests.analysis.ledger import Ledger
from loadtests.bench.locust_run import Load, Phase, run_phase

# Tasks a second and seconds: enough that there are always tasks in every hand when the fault comes.
RATE, LENGTH = 60.0, 9.0
# Accepted tasks that a proof wants at least.
ENOUGH = 5000

# Seconds into the run, and what to do then.
Step = tuple[float, Callable[[], Any]]


@dataclass(frozen=True)
class Where:
    """The front end that is loaded."""

    url: str
    token: str


@dataclass
class Outcome:
    """What a run under a fault came to."""

    ledger: Ledger
    results: Path
    fault_began: float

    def count(self, where: str) -> int:
        """Tasks of the run that fit a condition on records.parquet."""
        query = f"SELECT count(*) FROM '{self.results / 'records.parquet'}' WHERE {where}"
        row = duckdb.execute(query).fetchone()
        return row[0] if row else 0

    def recovery(self) -> str:
        """For people: how long after the fault a task sent after it was first done, and the longest time none was."""
        records = self.results / "records.parquet"
        query = f"""
            WITH done AS (SELECT scheduled, finished FROM '{records}' WHERE finished IS NOT NULL),
                 gaps AS (SELECT finished - lag(finished) OVER (ORDER BY finished) AS gap FROM done WHERE finished > $1)
            SELECT min(finished) FILTER (scheduled >= $1) - $1, (SELECT max(gap) FROM gaps) FROM done
        """
        first, silence = duckdb.execute(query, [self.fault_began]).fetchone() or (None, None)
        return f"first sent and done {first or 0:.1f} s after the fault, longest silence {silence or 0:.1f} s"


@dataclass
class Fault:
    """Plays each step once while the load runs."""

    steps: list[Step]
    began: float = 0.0
    left: list[Step] = field(default_factory=list)

    def tick(self, passed: float, _length: float) -> None:
        while self.left and passed >= self.left[0][0]:
            self.began = self.began or time.time()
            self.left.pop(0)[1]()

    def under_load(
        self,
        where: Where,
        folder: Path,
        *what: str,
        length: float = LENGTH,
        rate: float = RATE,
        drain: float = 30.0,
    ) -> Outcome:
        """`drain`: seconds without news after which a task counts as missing."""
        self.left = sorted(self.steps, key=lambda step: step[0])
        load = Load(where.url, where.token, what=what or ("--scenario", "noop"), drain=drain)
        phase = Phase("fault", length, rate=rate, arrivals="poisson")
        run_phase(load, phase, folder, "faults-" + folder.name, self.tick)
        return Outcome(analyse(folder, Asked()).ledger, folder, self.began)


def told(outcome: Outcome) -> str:
    """What it came to, for people."""
    ledger = outcome.ledger
    return (
        f"accepted {ledger.accepted} = finished {ledger.finished} + dead-lettered {ledger.dead_lettered}; "
        f"missing {ledger.missing}, duplicated {ledger.duplicated}, redelivered {ledger.redelivered}; "
        f"{outcome.recovery()}"
    )


def assert_nothing_lost(outcome: Outcome) -> None:
    ledger = outcome.ledger
    assert ledger.missing == 0, ledger
    assert ledger.balanced, ledger
    assert ledger.accepted == ledger.finished + ledger.dead_lettered
    assert outcome.fault_began, "the fault never came"


def assert_recovered(outcome: Outcome) -> None:
    """Tasks of the last two seconds of the plan were accepted and done."""
    late = f"scheduled > (SELECT max(scheduled) - 2 FROM '{outcome.results / 'records.parquet'}')"
    assert outcome.count(f"{late} AND status = 202 AND finished IS NOT NULL") > 0


def assert_proven(outcome: Outcome, say: Callable[[str], None]) -> None:
    """Says what it came to, and wants all of the above of enough tasks."""
    say(told(outcome))
    assert outcome.ledger.accepted >= ENOUGH, outcome.ledger
    assert_nothing_lost(outcome)
    assert_recovered(outcome)
