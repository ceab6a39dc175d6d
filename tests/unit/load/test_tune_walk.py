"""How a tuning spends its time, and what its repeated runs meet: the stacks and the load are not there, the rest is."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from app.contract import parse_contract
from loadtests.bench.locust_run import Load
from loadtests.tune.candidate import Candidate, present
from loadtests.tune.measure import Lengths, Meter
from loadtests.tune.walk import _Walker

STACK = Path(__file__).parents[3] / "stack.yml"
CONTRACT = parse_contract(STACK.read_text(), STACK)
NOW = present(CONTRACT, "io", "none")
BIG = NOW.model_copy(update={"concurrency": 64, "prefetch": 128})


def test_each_round_of_the_finals_meets_arrivals_of_its_own_and_all_finalists_the_same(tmp_path: Path):
    seeds: dict[Candidate, list[int]] = {NOW: [], BIG: []}

    class Walker(_Walker):
        def evaluate(self, candidate: Candidate, rung: int, lengths: Lengths) -> Any:
            seeds[candidate].append(self.meter.load.seed)

        def left(self) -> float:
            return 1e9

    meter = Meter(Load("", seed=3), tmp_path, "r", lambda _: lambda *_: None)
    session: Any = SimpleNamespace(found=SimpleNamespace(seed=3))
    Walker(session, job=None, walk=None, meter=meter, ends=0.0)._finals([NOW, BIG], Lengths(1.0, 1.0))  # type: ignore[arg-type]
    assert len(seeds[NOW]) > 4
    assert seeds[NOW] == seeds[BIG]
    assert len(set(seeds[NOW])) == len(seeds[NOW])
