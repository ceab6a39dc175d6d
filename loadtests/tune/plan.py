"""How a time budget is shared: how many candidates begin, how long they run, how often the finalists are repeated."""

from dataclasses import dataclass, replace

from loadtests.compare.difference import fewest_runs
from loadtests.tune.halving import width
from loadtests.tune.measure import WARMUP, Lengths

# Seconds, measured on two cores: a stack's start, its app renewed for another candidate, Locust's start and draining, a
# first look at a task.
START, RENEW, LOCUST, LOOK = 16.0, 7.0, 5.0, 8.0
# Finalists at most, with the present settings. Rounds below which no rank test can tell these from one rival, or from
# the best of several.
FINALISTS = 6
ROUNDS, SEVERAL = fewest_runs(1), fewest_runs(FINALISTS - 1)
# Rounds and finalists, the best first.
FINALS = ((SEVERAL + 1, FINALISTS), *((SEVERAL, count) for count in range(FINALISTS, 2, -1)), (ROUNDS, 2))
# Time that is left over goes into more rounds, up to so many: they tell smaller differences.
MOST_ROUNDS = 12
# So many times what the finals should take is kept for them: a run that is repeated must not cost a round.
SLACK = 1.1
# The least number of candidates for each finalist: fewer, and halving has chosen from nothing.
FOR_EACH = 3
# With fewer candidates there is nothing to choose.
LEAST = 2


@dataclass(frozen=True)
class Form:
    """`rungs`: runs of each rung of the halving. `final`: of the finalists. `before`, `after`: load around a fault."""

    rungs: tuple[Lengths, ...]
    final: Lengths
    rounds: bool  # whether finalists are repeated
    tries: int  # of a run that is not valid
    before: str
    after: str
    drain: float  # seconds without a task that ended, after which those of a fault run count as missing
    most: int | None = None  # candidates


LONG = Form(
    rungs=(Lengths(3.0, 0.0), Lengths(3.0, 5.0)),
    final=Lengths(3.0, 5.0),
    rounds=True,
    tries=2,
    before="3s",
    # A broker that was killed is back within some ten seconds, and its workers with it.
    after="15s",
    # Workers that lost their broker are back within some seconds.
    drain=20.0,
)
SHORT = Form(
    rungs=(Lengths(2.0, 0.0),),
    final=Lengths(2.0, 0.0),
    rounds=False,
    tries=1,
    before="2s",
    after="6s",
    drain=8.0,
    most=2,
)


@dataclass(frozen=True)
class Share:
    """What one task's walk gets: candidates that begin, finalists, and how often and how these are repeated."""

    candidates: int
    rounds: int = 0
    finalists: int = 0
    final: Lengths = Lengths(0.0, 0.0)  # noqa: RUF009  frozen


def cost(lengths: Lengths) -> float:
    """Seconds of one evaluation."""
    latency = LOCUST + WARMUP + lengths.latency if lengths.latency else 0.0
    return RENEW + LOCUST + WARMUP + lengths.throughput + latency


def finals_cost(rounds: int, finalists: int, final: Lengths) -> float:
    """Seconds to keep for the finals."""
    return SLACK * rounds * finalists * cost(final)


def share(seconds: float, form: Form, most: int) -> Share:
    """The largest finals that leave candidates enough to choose from. `most`: combinations that there are."""
    seconds -= LOOK
    costs = [cost(each) for each in form.rungs]
    # With little time the finalists' throughput alone is repeated.
    finals = [(*each, form.final) for each in FINALS] + [(*FINALS[-1], replace(form.final, latency=0.0))]
    for rounds, finalists, final in finals if form.rounds else ():
        count = width(seconds - finals_cost(rounds, finalists, final), costs)
        if count >= min(most, FOR_EACH * finalists):
            return Share(min(count, most), rounds, finalists, final)
    return Share(min(max(LEAST, width(seconds, costs)), most, form.most or most))


def least(form: Form, walks: int, around: float) -> float:
    """Seconds below which there is nothing to choose: two candidates of each task, in every rung.

    `around`: those that stacks and fault runs take.
    """
    one = LOOK + sum(LEAST * cost(each) for each in form.rungs)
    return around + walks * one
