"""A generator that is asked for more than any process can send has to say so, each time, and give no number."""

from pathlib import Path

from loadtests.analysis.analyse import Asked, analyse
from loadtests.analysis.result import Result
from loadtests.bench.locust_run import Load, Phase
from loadtests.bench.verdict import judge as judge_phase
from loadtests.selfcheck.document import Row
from loadtests.selfcheck.ground import PHASE, Ground
from loadtests.selfcheck.stub import Answers, stub

# Tasks a second; one process of ours sends some thousand.
RATE = 20_000.0
# More than a front end that answers at once can hold: it is the generator that gives way.
USERS = 256


def run(ground: Ground) -> list[Row]:
    """Raises ProgramFailed, PhaseFailed."""
    tries, seconds = (3, 2.0) if ground.short else (10, 4.0)
    found = []
    with stub(Answers(0.0), ground.folder) as front:
        load = Load(front.url, what=("--spawn-rate", str(USERS)), users=USERS, seed=ground.seed)
        for number in range(1, tries + 1):
            # No warm-up: who falls behind the plan like that never comes to its end.
            phase = Phase(PHASE, seconds, rate=RATE)
            found.append(_told(ground.load(f"saturated-{number}", load, phase)))
    ground.notes.append(f"asked for {RATE:,.0f} tasks/s, one process sent up to {_most(found, seconds):,.0f}/s")
    return judge([result for result, _ in found], [verdict for _, verdict in found])


def judge(results: list[Result], verdicts: list[str]) -> list[Row]:
    """`verdicts`: what a search for the highest rate would make of each run."""
    tries = len(results)
    flagged = sum(any("generator saturated" in reason for reason in each.reasons) for each in results)
    numbers = sum(
        each.throughput.rate is not None or any(latency.p50 is not None for latency in each.latency.values())
        for each in results
    )
    sustained = sum(verdict == "sustained" for verdict in verdicts)
    return [
        Row(what="called saturated", expected=f"{tries} of {tries}", seen=f"{flagged} of {tries}", bound="all",
            ok=flagged == tries, by_clock=True),
        Row(what="gave a number", expected="0", seen=str(numbers), bound="none", ok=numbers == 0, by_clock=True),
        Row(what="called sustained by the search", expected="0", seen=str(sustained), bound="none", ok=sustained == 0),
    ]  # fmt: skip


def _told(results: Path) -> tuple[Result, str]:
    return analyse(results, Asked()), judge_phase(results, PHASE, RATE).verdict


def _most(found: list[tuple[Result, str]], seconds: float) -> float:
    return max(result.ledger.accepted for result, _ in found) / seconds
