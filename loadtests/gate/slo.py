"""Objectives as one writes them, `p99<500ms`, `lost=0`, `rate>=400`, `failed<0.1%`, judged on a result."""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from loadtests.analysis.histograms import Latency
from loadtests.analysis.ledger import Ledger
from loadtests.analysis.result import Result
from loadtests.analysis.stages import HEADLINE, STAGES
from loadtests.report.terminal import seconds

PERCENTILES = {"p50": "p50", "p90": "p90", "p95": "p95", "p99": "p99", "p99.9": "p999", "max": "max"}
UNITS = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}
# Name → which tasks, and of how many. In the ledger's own words, and in those people use.
COUNTS: dict[str, tuple[Callable[[Ledger], int], str]] = {
    "lost": (lambda book: book.missing, "accepted"),
    "missing": (lambda book: book.missing, "accepted"),
    "duplicated": (lambda book: book.duplicated, "accepted"),
    "failed": (lambda book: book.failed, "accepted"),
    "dead_lettered": (lambda book: book.dead_lettered, "accepted"),
    "revoked": (lambda book: book.revoked, "accepted"),
    "expired": (lambda book: book.expired, "accepted"),
    "redelivered": (lambda book: book.redelivered, "accepted"),
    "refused": (lambda book: book.refused, "sent"),
    "unknown": (lambda book: book.unknown_fate.sent, "sent"),
}
LOST = ("lost", "missing")
OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}
_WRITTEN = re.compile(r"([a-z][\w.]*?)\s*(<=|>=|==|=|<|>)\s*(\d+(?:\.\d+)?)\s*(%|[a-zµ]+)?", re.IGNORECASE)
UNDERSTOOD = (
    f"latency: {', '.join(PERCENTILES)} with a time in us, ms, s or m (p99<500ms; of another stage than "
    f"{HEADLINE}: scheduled_to_answered.p99<50ms); tasks: {', '.join(COUNTS)} with a count or a share "
    "(lost=0, failed<0.1%); rate in tasks a second (rate>=400). Compare with <, <=, >, >= or ="
)


class BadObjective(ValueError):
    """An objective that is not understood; the text says what is."""


class Outcome(Enum):
    MET = "met"
    NOT_MET = "not met"
    CANNOT_TELL = "cannot tell"


class Verdict(NamedTuple):
    """What became of one objective, and why, in a sentence."""

    objective: str
    outcome: Outcome
    reason: str


@dataclass(frozen=True)
class Objective:
    """One objective. `limit`: seconds, tasks, a share (`percent`) or tasks a second. `stage`: of a latency only."""

    text: str
    name: str
    compare: str
    limit: float
    percent: bool = False
    stage: str = ""


def parse(text: str) -> Objective:
    """Raises BadObjective."""
    match = _WRITTEN.fullmatch(text.strip())
    if not match:
        raise BadObjective(f"{text!r} is no objective. Understood are {UNDERSTOOD}")
    name, compare, number, unit = match[1].lower(), match[2].replace("==", "="), float(match[3]), match[4] or ""
    stage, _, percentile = name.partition(".") if "_to_" in name else (HEADLINE, "", name)
    if percentile == "p999":
        percentile = "p99.9"
    if percentile in PERCENTILES:
        if stage not in {each.name for each in STAGES}:
            raise BadObjective(f"{text!r}: no stage {stage}; there are {', '.join(each.name for each in STAGES)}")
        if unit not in UNITS:
            raise BadObjective(f"{text!r}: a latency needs a unit, one of {', '.join(UNITS)}: {percentile}<500ms")
        return Objective(text, percentile, compare, number * UNITS[unit], stage=stage)
    if name in COUNTS:
        if unit not in ("", "%"):
            raise BadObjective(f"{text!r}: {name} is a count or a share of tasks: {name}=0, {name}<0.1%")
        return Objective(text, name, compare, number / 100 if unit else number, percent=bool(unit))
    if name == "rate":
        if unit:
            raise BadObjective(f"{text!r}: a rate is in tasks a second, without a unit: rate>=400")
        return Objective(text, name, compare, number)
    raise BadObjective(f"{text!r}: {name!r} is not known. Understood are {UNDERSTOOD}")


def judge(objective: Objective, result: Result) -> Verdict:
    """An invalid run meets nothing; what the run has no number for is not guessed."""
    if not result.valid:
        return Verdict(objective.text, Outcome.NOT_MET, f"the run is not valid: {'; '.join(result.reasons)}")
    if objective.name in COUNTS:
        return _tasks(objective, result.ledger)
    if objective.name == "rate":
        return _rate(objective, result)
    return _latency(objective, result.latency.get(objective.stage))


def ledger(result: Result) -> Verdict:
    """That no accepted task is missing, nor any ran that was refused."""
    book = result.ledger
    reason = (
        f"{book.missing:,} of {book.accepted:,} accepted tasks are missing, {book.refused_but_ran:,} refused ones ran"
    )
    return Verdict("the ledger balances", Outcome.MET if book.balanced else Outcome.NOT_MET, reason)


def _outcome(objective: Objective, value: float) -> Outcome:
    return Outcome.MET if OPERATORS[objective.compare](value, objective.limit) else Outcome.NOT_MET


def _latency(objective: Objective, found: Latency | None) -> Verdict:
    if found is None:
        return Verdict(objective.text, Outcome.CANNOT_TELL, "no latency was read in this run")
    key = PERCENTILES[objective.name]
    value: float | None = getattr(found, key)
    if value is None:
        older = "it was written before there was one in results; run `warren bench` again"
        why = found.reasons.get(key, older if found.count else "no task came that far")
        return Verdict(objective.text, Outcome.CANNOT_TELL, f"no {objective.name}: {why}")
    reason = f"{objective.name} of {objective.stage} was {seconds(value)} over {found.count:,} tasks"
    return Verdict(objective.text, _outcome(objective, value), reason)


def _tasks(objective: Objective, book: Ledger) -> Verdict:
    count_of, whole_name = COUNTS[objective.name]
    count, whole = count_of(book), int(getattr(book, whole_name))
    if book.not_known and whole_name == "accepted":
        why = f"what became of {book.not_known:,} accepted tasks is not known: their stack does not tell"
        return Verdict(objective.text, Outcome.CANNOT_TELL, why)
    if not whole:
        return Verdict(objective.text, Outcome.CANNOT_TELL, f"no task was {whole_name}")
    share = count / whole
    reason = f"{count:,} of {whole:,} {whole_name} tasks: {objective.name} ({share:.3%})"
    return Verdict(objective.text, _outcome(objective, share if objective.percent else count), reason)


def _rate(objective: Objective, result: Result) -> Verdict:
    run = result.latency_run
    if result.made_by == "bench" and result.throughput.rate is not None:
        rate, what = result.throughput.rate, result.throughput.how
    elif run and run.done is not None and run.growth is not None:
        rate, what = run.done, "done at the rate that was offered; no higher one was tried"
        if run.growth:
            what = f"done while more came, and not sustained: the backlog grew by {run.growth:,.1f} tasks/s"
    else:
        why = "no rate was measured in this run"
        if run and run.done is not None:
            why = "this result is of an earlier Warren, which counted what was done after the load ended; run it again"
        return Verdict(objective.text, Outcome.CANNOT_TELL, why)
    return Verdict(objective.text, _outcome(objective, rate), f"{rate:,.1f} tasks/s ({what})")
