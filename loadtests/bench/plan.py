"""How long each phase of a bench lasts. What follows from what: a share of a rate, quantiles from a number of tasks."""

from dataclasses import dataclass


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


SHORT = BenchPlan(calibrate=3.0, probe=3.0, probes=2, latency=6.0, latency_warmup=1.0)
