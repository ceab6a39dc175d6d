"""`python -m benchmarks.scale [results/RUN]`: what breaks first at many times the rate. Writes docs/scale.md."""

import sys
from pathlib import Path

import click

from benchmarks.million_records import measure as measure_long
from benchmarks.scale import page, small
from benchmarks.scale.calibrate import calibrate, check, choose, fit_variation
from benchmarks.scale.extrapolate import FACTORS, parts, scaled
from benchmarks.scale.measure import measure
from benchmarks.scale.measured import Run, read
from loadtests import documents
from loadtests.analysis.join import BadResults
from loadtests.bench.locust_run import PhaseFailed
from loadtests.local.errors import NoRabbitMQ, StackError

NEEDED = 3


@click.command()
@click.argument("run", required=False, type=click.Path(path_type=Path))
@click.option("--results", type=click.Path(path_type=Path), default="results", show_default=True)
@click.option("--tasks", type=click.IntRange(1000), default=1_000_000, show_default=True, help="Of the long run.")
@click.option("--output", type=click.Path(path_type=Path), default="docs/scale.md", show_default=True)
def main(run: Path | None, results: Path, tasks: int, output: Path) -> None:
    """Calibrate a simulation by RUN (of `warren bench`; none: measure on a stack of its own), check it, extrapolate.

    RUN must have at least three fixed rates that were sustained: two to calibrate by, the others to check.
    """
    try:
        folder = run or measure(results, click.echo)
        found = read(folder)
    except (BadResults, PhaseFailed, StackError, NoRabbitMQ, OSError) as error:
        raise click.ClickException(str(error)) from error
    text = page.render(_find(found, tasks))
    documents.write_text(output, text)
    click.echo(text)
    click.echo(f"written: {output}; measured: {folder}")


def _find(run: Run, tasks: int) -> page.Found:
    if len(run.points) < NEEDED:
        said = "".join(f"\n  {each}" for each in run.left_out)
        raise click.ClickException(
            f"{len(run.points)} rates were sustained, and it takes {NEEDED}: measure again on a quieter machine{said}"
        )
    low, high, held_out = choose(run.points)
    model = fit_variation(calibrate(low, high), run.layout)
    click.echo(f"calibrated by {low.phase} and {high.phase}; simulating")
    checked = [check(model, run.layout, each) for each in held_out]
    some = small.measure()
    every = parts(model, run.layout, some)
    base = run.points[-1].offered
    return page.Found(
        run=run,
        model=model,
        checked=checked,
        small=some,
        parts=every,
        base=base,
        scaled=[scaled(model, run.layout, every, base, factor) for factor in FACTORS],
        long=measure_long(tasks, click.echo),
        command=" ".join(["python -m benchmarks.scale", *sys.argv[1:]]),
    )


if __name__ == "__main__":
    main()
