"""A run of its own to calibrate by: one local stack, some fixed rates, each for some seconds. About three minutes."""

from collections.abc import Callable
from pathlib import Path

import click

from loadtests.analysis import manifest
from loadtests.analysis.analyse import Asked, analyse
from loadtests.bench.locust_run import Load, Phase, run_phase
from loadtests.bench.target import STACKS, own_stack
from loadtests.bench.verdict import judge
from loadtests.generator import parts
from loadtests.generator.run_id import new_run_id

STACK = Path("stack.yml")
# Of what a closed loop comes to, which is more than can be kept up: the generator shares the machine.
SHARES = (0.1, 0.2, 0.35, 0.5, 0.65)
CLOSED, SECONDS, WARMUP = 6.0, 15.0, 3.0


def measure(results: Path, say: Callable[[str], None]) -> Path:
    """Measure and return the run's folder. Whatever ends it leaves nothing running."""
    run = new_run_id()
    folder = results / run
    with own_stack(STACK, STACKS / run, say) as target:
        folder.mkdir(parents=True)
        manifest.write(folder, manifest.manifest(target.contract, target.facts))
        load = Load(url=target.url, token=target.token)

        def phase(each: Phase) -> None:
            assert target.sampler
            with target.sampler(parts.folder(folder, each.name)):
                run_phase(load, each, folder, run)

        phase(Phase("calibrate", CLOSED, WARMUP))
        most = judge(folder, "calibrate", None).done
        if most <= 0:
            raise click.ClickException("no task finished; see the run's log folder")
        say(f"as fast as answers come: {most:,.0f} tasks/s")
        for number, share in enumerate(SHARES, 1):
            rate = float(f"{share * most:.2g}")
            phase(Phase(f"rate-{number}", SECONDS, WARMUP, rate, "poisson"))
            say(f"rate-{number}: {rate:g} tasks/s: {judge(folder, f'rate-{number}', rate).why}")
    analyse(folder, Asked(made_by="bench", latency_phase="rate-1"))
    return folder
