"""Our percentiles over HTTP against those of an independent open-loop generator, at one rate on one front end.

vegeta (github.com/tsenart/vegeta, Go) shares no code with Locust or Warren, sends by a schedule, and adds connections
rather than waiting for answers.
"""

import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from loadtests.analysis.histograms import QUANTILES, fewest
from loadtests.bench.comparisons import pairs
from loadtests.bench.locust_run import Load
from loadtests.report.terminal import seconds as shown
from loadtests.selfcheck import instruments
from loadtests.selfcheck.document import Row
from loadtests.selfcheck.ground import Ground, NotTold, ProgramFailed, phase
from loadtests.selfcheck.stall import STAGE, Life
from loadtests.selfcheck.stall import read as read_lives
from loadtests.selfcheck.stub import Answers, stub

# So long that what a program costs by itself, a millisecond or two, is little of it.
ANSWERS = Answers(floor=0.05, spread=0.05)
RATE = 200.0
BOUND = 0.05
# vegeta's names for ours.
THEIRS = {"p50": "50th", "p90": "90th", "p99": "99th"}
USERS = 128


@dataclass(frozen=True)
class Told:
    """One run of one instrument. Times in seconds; the rate in answers a second, until the last of them has come."""

    rate: float
    percentiles: dict[str, float]


def run(ground: Ground) -> list[Row]:
    """Raises NotDone, NotTold, ProgramFailed, PhaseFailed."""
    program = str(instruments.vegeta(ground.vegeta))
    repeats = 1 if ground.short else 5
    # Twice as long as a p99 takes: the last answer is waited for, and a shorter run's rate would tell mostly of it.
    seconds = 2 * fewest("p99") / RATE
    with stub(ANSWERS, ground.folder) as front:
        arms = {
            "ours": lambda name: _ours(ground, name, front.url, seconds),
            "vegeta": lambda name: _vegeta(ground, name, program, front.url, seconds),
        }
        ours, theirs = pairs(arms, repeats, ground.seed, ground.console.say, "http", _shown)
    by_formula = ", ".join(f"{name} {shown(ANSWERS.quantile(QUANTILES[name] / 100))}" for name in THEIRS)
    ground.notes.append(f"the front end was told to answer with {by_formula}")
    return judge(ours, theirs)


def judge(ours: list[Told], theirs: list[Told]) -> list[Row]:
    """Medians over the runs of each."""
    rows = [_row("answers/s", [run.rate for run in ours], [run.rate for run in theirs], lambda rate: f"{rate:.1f}/s")]
    for name in THEIRS:
        one, other = ([run.percentiles[name] for run in side] for side in (ours, theirs))
        rows.append(_row(name, one, other, shown))
    return rows


def _row(what: str, ours: list[float], theirs: list[float], show: Callable[[float], str]) -> Row:
    one, other = statistics.median(ours), statistics.median(theirs)
    apart = one / other - 1
    return Row(what=what, expected=f"vegeta {show(other)}", seen=f"{show(one)} ({apart:+.1%})", bound=f"± {BOUND:.0%}",
               ok=abs(apart) <= BOUND, by_clock=True)  # fmt: skip


def _ours(ground: Ground, name: str, url: str, seconds: float) -> Told:
    load = Load(url, what=("--spawn-rate", str(USERS)), users=USERS, seed=ground.seed)
    found = ground.measure(name, load, phase(seconds, RATE))
    latency = found.latency[STAGE]
    percentiles = {each: getattr(latency, each) for each in THEIRS}
    if not all(percentiles.values()):
        raise NotTold(f"{name}: {latency.count:,} tasks are too few for a p99")
    return Told(answered(read_lives(ground.folder / name)), percentiles)


def answered(lives: Sequence[Life]) -> float:
    """Answers a second from the first instant due to the last answer, as vegeta counts its throughput."""
    return len(lives) / (max(answer for _, answer in lives) - lives[0][0])


def _vegeta(ground: Ground, name: str, program: str, url: str, seconds: float) -> Told:
    ground.folder.mkdir(parents=True, exist_ok=True)
    body, targets, raw = (ground.folder / f"{name}.{kind}" for kind in ("json", "targets", "vegeta"))
    body.write_text(json.dumps({"id": name, "args": [], "kwargs": {}}))
    targets.write_text(f"POST {url}/tasks/noop\nContent-Type: application/json\n@{body.absolute()}\n")
    attack = ["attack", f"-rate={RATE:g}/1s", f"-duration={seconds:g}s", f"-targets={targets}", f"-output={raw}"]
    ground.program(name, [program, *attack], seconds)
    said = ground.program(f"{name}-report", [program, "report", "-type=json", str(raw)], 1.0)
    return read(said)


def read(said: str) -> Told:
    """vegeta's report; its times are nanoseconds, and its `rate` counts requests.

    Raises ProgramFailed when it is none, or requests failed.
    """
    try:
        report = json.loads(said)
        percentiles = {name: report["latencies"][theirs] / 1e9 for name, theirs in THEIRS.items()}
        rate, success = float(report["throughput"]), float(report["success"])
    except (ValueError, KeyError, TypeError) as error:
        raise ProgramFailed(f"vegeta's report cannot be read: {error}: {said[:300]}") from error
    if success < 1:
        raise ProgramFailed(f"vegeta was not answered each time: {report.get('status_codes')} {report.get('errors')}")
    return Told(rate, percentiles)


def _shown(told: Told) -> str:
    return f"p50 {shown(told.percentiles['p50'])}, p99 {shown(told.percentiles['p99'])}"
