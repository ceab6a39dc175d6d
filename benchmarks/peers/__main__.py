"""Other ways to run tasks beside ours, on one machine and broker: `make peers`, or `python -m benchmarks.peers`."""

from pathlib import Path

import click

from benchmarks.peers.catalogue import PEERS

# Seconds over HTTP after the warm-up, and rounds. Five are the fewest after which the rank test can say anything, and
# then only where no round of the one overlaps any of the other; eight leave room for an odd one.
SECONDS, REPEATS = 2.0, 8
SHORT_SECONDS, SHORT_REPEATS = 1.0, 1


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--only", multiple=True, type=click.Choice(list(PEERS)), help="This peer only; may be said again.")
@click.option("--repeats", type=click.IntRange(1), help=f"Rounds.  [default: {REPEATS}]")
@click.option("--seconds", type=click.FloatRange(0.5), help=f"Length of a run over HTTP.  [default: {SECONDS:g}]")
@click.option("--short", is_flag=True, help="One short round, of about a minute: no intervals, no verdicts.")
@click.option("--seed", type=int, default=1, show_default=True, help="The order of each round is drawn from it.")
@click.option("--results", type=click.Path(path_type=Path), default=Path("results"), show_default=True)
@click.option(
    "--markdown",
    type=click.Path(path_type=Path),
    help="Measure nothing: put the table of this run's folder into the pages that --into names.",
)
@click.option(
    "--into", multiple=True, type=click.Path(path_type=Path), help="With --markdown.  [default: docs/peers.md]"
)
def main(
    only: tuple[str, ...],
    repeats: int | None,
    seconds: float | None,
    short: bool,
    seed: int,
    results: Path,
    markdown: Path | None,
    into: tuple[Path, ...],
) -> None:
    """Run the same two tasks (a no-op, and one that waits 10 ms) by each peer in turn, and print the table.

    \b
    Example: python -m benchmarks.peers --only celery-warren --only dramatiq --short
             python -m benchmarks.peers --markdown results/2026… --into docs/peers.md --into README.md

    What there is after each round is kept, and says that it is unfinished until all are done.

    Exit code: 0 measured; 1 a part failed, or no run was valid; 2 bad input; 3 a peer lost tasks; 130 interrupted.
    """
    if markdown:
        _insert(markdown, into)
        return
    if into:
        raise click.UsageError("--into goes with --markdown")
    from benchmarks.peers.command import run

    options = {"only": only, "seed": seed, "results": results, "short": short}
    options |= {"repeats": repeats or (SHORT_REPEATS if short else REPEATS)}
    options |= {"seconds": seconds or (SHORT_SECONDS if short else SECONDS)}
    raise SystemExit(run(options))


def _insert(run: Path, into: tuple[Path, ...]) -> None:
    from benchmarks.peers import document, table

    try:
        found = document.read(run)
        for path in into or (Path("docs/peers.md"),):
            table.insert(path, found)
            click.echo(f"{path}: the table of {run}")
    except document.BadPeers as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
