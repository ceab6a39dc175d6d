"""`warren report`: the result and its page again, from the files of a run."""

from pathlib import Path

import click
from rich.console import Console

from loadtests.exits import BAD_INPUT, UNBALANCED


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
def report(run: Path) -> None:
    """Rebuild RUN's report.html, and show its result.

    RUN is a results folder, or the name of one in results/. A folder of plain Locust's (`--results`) is analysed first.
    """
    from loadtests.analysis import result
    from loadtests.analysis.analyse import Asked, analyse
    from loadtests.analysis.join import BadResults
    from loadtests.report import page, terminal

    folder = run if run.is_dir() or not Path("results", run).is_dir() else Path("results", run)
    console = Console()
    try:
        if not folder.is_dir():
            raise BadResults(f"{folder}: there is no such folder")
        made = (folder / result.FILE).exists()
        found = result.read(folder) if made else None
        if found is None or found.made_by == "locust":
            with console.status("joining the records"):
                found = analyse(folder, Asked())
        with console.status("drawing the report"):
            path = page.write(folder, found)
    except (BadResults, OSError) as error:
        raise _bad(str(error)) from error
    terminal.show(found, console)
    console.print(f"report: {path}", soft_wrap=True)
    if not found.ledger.balanced:
        raise SystemExit(UNBALANCED)


def _bad(text: str) -> click.ClickException:
    error = click.ClickException(text)
    vars(error)["exit_code"] = BAD_INPUT
    return error
