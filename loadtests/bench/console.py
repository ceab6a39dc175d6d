"""Progress of a bench on the terminal: a bar that moves while a phase runs, a line when something is known."""

import os
from contextlib import AbstractContextManager

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from loadtests.bench.locust_run import Tick

# Columns in a file or a pipeline's log, where a terminal cannot be asked: no cell of a table is cut off.
WIDTH = 120


class BenchConsole(AbstractContextManager["BenchConsole"]):
    """A context manager. Without a terminal there is no bar, and each phase says that it begins."""

    def __init__(self) -> None:
        self.console = Console()
        if not self.console.is_terminal and "COLUMNS" not in os.environ:
            self.console.width = WIDTH
        self._progress = Progress(
            TextColumn("{task.description:<28}"),
            BarColumn(30),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
        )
        self._bar = self._progress.add_task("", visible=False)

    def __enter__(self) -> "BenchConsole":
        if self.console.is_terminal:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def say(self, text: str) -> None:
        """A line that stays."""
        self.console.print(text, highlight=False, soft_wrap=True, markup=False)

    def status(self, text: str) -> None:
        """What is going on now."""
        if self.console.is_terminal:
            self._progress.update(self._bar, description=text, total=None, visible=True)
        else:
            self.say(text)

    def ask(self, question: str) -> bool:
        """Yes or no, of who sits at the terminal."""
        self._progress.stop()
        yes = click.confirm(question)
        self._progress.start()
        return yes

    def tick(self, name: str) -> Tick:
        """For a phase that begins."""
        self.status(name)

        def update(now: float, total: float) -> None:
            what = name if now < total + 1 else f"{name}: draining"
            self._progress.update(self._bar, description=what, completed=min(now, total), total=total, visible=True)

        return update
