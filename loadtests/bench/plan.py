"""How long each phase of a bench lasts. What follows from what: a share of a rate, quantiles from a number of tasks."""

from dataclasses import dataclass, replace

# Where tasks take long, a run lasts so many times the warm-up they need, but never longer than so many seconds.
TIMES, LONGEST = 5.0, 120.0


class TasksTooLong(Exception):
    """Runs of such tasks would last unreasonably long; the text says what to do instead."""


@dataclass(frozen=True)
class BenchPlan:
    """Durations in seconds. With the defaults a bench ends within 90 s of the stack being up."""

    calibrate: float = 5.0
    probe: float = 5.0
    # So many probes bring the bracket of the search from a factor of 1.5 down to about 5 %.
    probes: int = 4
    latency: float = 25.0
    # Cut off at the start of each phase: connections are made, workers' prefetch windows fill.
    warmup: float = 1.0
    latency_warmup: float = 3.0
    # Latency is read here, as a share of the highest sustained rate: below the knee, where queues empty again.
    share: float = 0.7

    @property
    def seconds(self) -> float:
        """About how long the measuring takes; each phase costs some seconds to start and to drain."""
        return self.calibrate + self.probe * self.probes + self.latency + 4.0 * (self.probes + 2)

    def for_tasks(self, settled: float) -> "BenchPlan":
        """With runs in which such tasks are told from a queue. Raises TasksTooLong."""
        probe, warmup = lengthened(self.probe, self.warmup, settled)
        latency, latency_warmup = lengthened(self.latency, self.latency_warmup, settled)
        return replace(self, probe=probe, warmup=warmup, latency=latency, latency_warmup=latency_warmup)


def lengthened(seconds: float, warmup: float, settled: float) -> tuple[float, float]:
    """Length and warm-up of a run in which it takes `settled` seconds until as many tasks end as begin.

    Raises TasksTooLong.
    """
    if settled <= warmup:
        return seconds, warmup
    if TIMES * settled > LONGEST:
        raise TasksTooLong(
            f"it takes {settled:.0f} s until as many of these tasks end as begin, and a run that tells them from a "
            f"queue {TIMES * settled:.0f} s; {LONGEST:g} s is the longest. Measure the task with arguments that make "
            "it shorter, or watch one rate for as long as you like: `warren bench --rate R --seconds S`"
        )
    return max(seconds, TIMES * settled), settled


SHORT = BenchPlan(calibrate=3.0, probe=3.0, probes=2, latency=6.0, latency_warmup=1.0)
