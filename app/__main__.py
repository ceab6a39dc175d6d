"""The one entry point of everything deployed: `python -m app web|worker|beat|flower|consumer|marketplace`, and `alive`
for probes.

Each command imports what it needs when it runs: a probe must not load Celery.
"""

import logging
import sys
from collections.abc import Callable
from pathlib import Path

import click

BAD_INPUT = 2


def _run(start: Callable[[], int | None]) -> None:
    """Run one process; what the user can mend becomes a message and exit code 2."""
    from app.broker.url import AddressError
    from app.contract import ContractError
    from app.settings import SettingsError

    try:
        sys.exit(start() or 0)
    except (AddressError, ContractError, SettingsError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(BAD_INPUT)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Run one process of the stack. What it is told: stack.yml and the environment (see app/settings.py)."""


@main.command()
def web() -> None:
    """The HTTP front end."""
    from app.web.serve import main as serve

    _run(serve)


@main.command()
@click.argument("pool")
@click.option("--index", type=click.IntRange(0), help="Tells workers of one pool on one host apart; 0 when not said.")
def worker(pool: str, index: int | None) -> None:
    """One worker process of POOL, a pool of stack.yml; or POOL-INDEX, as systemd names an instance."""
    from app.worker.start import run_worker

    name, _, number = pool.rpartition("-")
    if number.isdecimal() and index is None:
        pool, index = name, int(number)
    _run(lambda: run_worker(pool, index or 0))


@main.command()
def beat() -> None:
    """The sender of periodic tasks. Only one may run on a broker."""
    from app.beat import run_beat

    _run(run_beat)


@main.command()
def flower() -> None:
    """Flower, the web page that shows workers and tasks."""
    from app.flower import run_flower

    _run(run_flower)


@main.command()
def consumer() -> None:
    """The plain consumer beside Celery, of the queue `plain`."""
    _log_to_stderr()
    from app.plain.consumer import run_consumer

    _run(run_consumer)


@main.command()
def marketplace() -> None:
    """The Open Service Broker that sells vhosts of a RabbitMQ in a platform's marketplace. See docs/marketplace.md."""
    from app.marketplace.serve import main as serve

    _run(serve)


@main.command()
@click.option("--file", type=click.Path(path_type=Path), envvar="WARREN_HEARTBEAT_FILE", help="The sign of life.")
@click.option("--max-age", type=click.FloatRange(min=0), default=10.0, show_default=True, help="Seconds.")
@click.option("--ready", is_flag=True, help="And it has begun its work: it has reached the broker since its start.")
def alive(file: Path | None, max_age: float, ready: bool) -> None:
    """Exit code 0 when the process that writes WARREN_HEARTBEAT_FILE does its work, 1 when not."""
    import time

    from app.service_manager import READY

    if file is None:
        raise click.UsageError("set WARREN_HEARTBEAT_FILE, the same for the process and for this probe, or give --file")
    try:
        age, state = time.time() - file.stat().st_mtime, file.read_text()
    except OSError as error:
        raise click.ClickException(f"no sign of life: {file}: {error.strerror}") from error
    if age > max_age:
        raise click.ClickException(f"the last sign of life is {age:.0f} s old")
    if ready and state != READY:
        raise click.ClickException("alive, but it has not reached the broker yet")


def _log_to_stderr() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    # It tells every failed step of connecting with a traceback; the caller says in a line what it comes to.
    logging.getLogger("pika").setLevel(logging.CRITICAL)


if __name__ == "__main__":
    main(prog_name="python -m app")
