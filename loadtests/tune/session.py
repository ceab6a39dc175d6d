"""What all of one tuning share: its stacks, what is found so far, its form, who is told, and until when."""

import time
from dataclasses import dataclass, field

from loadtests.analysis import manifest
from loadtests.bench.console import BenchConsole
from loadtests.bench.locust_run import Load
from loadtests.bench.target import Target
from loadtests.gate.slo import Objective
from loadtests.tune.document import Tune
from loadtests.tune.ground import Ground
from loadtests.tune.plan import Form


@dataclass
class Session:
    """`found` grows as it goes. `load`: how it is sent; what is sent is each task's. `objective`: the user's own."""

    ground: Ground
    found: Tune
    form: Form
    console: BenchConsole
    load: Load
    objective: Objective | None = None
    numbers: int = 0  # of the runs so far
    ends: float = field(init=False)

    def __post_init__(self) -> None:
        self.ends = time.monotonic() + self.found.budget

    def left(self) -> float:
        """Seconds of the budget."""
        return self.ends - time.monotonic()

    def keep_manifest(self, target: Target) -> None:
        """Of the first stack: they are all on one machine."""
        if not self.found.machines:
            facts = manifest.manifest(self.ground.contract.model_dump(mode="json", exclude_none=True), target.facts)
            manifest.write(self.ground.results, facts)
            self.found.machines = manifest.machines(facts)
            self.found.notes += target.notes
