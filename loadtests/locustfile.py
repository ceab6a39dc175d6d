"""Load for a stack of Warren's, with Locust's own command, flags and web UI:

    locust -f loadtests/locustfile.py --host http://127.0.0.1:8080 --headless -u 50 -t 20s --rate 200

Arrivals follow a schedule and do not wait for answers; users are the senders, so `-u` is the most requests in flight.
Locust's tables show each HTTP request, and each task's whole life as `<task> → done`, counted from when it was to be
sent. With `--results DIR` all that was seen is written there, and `warren report DIR` makes the report.
"""

import logging
import sys
import time
from pathlib import Path
from typing import Any

# Locust is often started from a place where this project is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import gevent
from locust import events, task
from locust.env import Environment
from locust.exception import StopUser
from locust.runners import MasterRunner, WorkerRunner

from loadtests.generator import options, publisher
from loadtests.generator.broker import Link
from loadtests.generator.following import NotStarted
from loadtests.generator.generators import HALT, HALTED, LINES, PLAN_ENDED
from loadtests.generator.run import PATIENCE, LoadRun
from loadtests.generator.sender import Sender

log = logging.getLogger("warren")

current: LoadRun | None = None
latest: LoadRun | None = None


class WarrenUser(Sender):
    """Takes the next arrival of this process' share, waits for its instant, sends it, waits for the answer."""

    link: Link | None = None

    def on_start(self) -> None:
        """With `--broker` a sender has a connection of its own in the place of an HTTP client."""
        options = self.environment.parsed_options
        if options and options.broker:
            self.link = Link(options.broker, options.queue)

    @task
    def send_next(self) -> None:
        run = current
        due = run.pacer.take() if run and run.pacer else None
        if run is None or run.pacer is None or due is None:
            raise StopUser
        try:
            if self.link:
                publisher.send(self.link, due, run.run_id, run.on_line, events.request.fire)
            else:
                self.send(due, run.options.token, run.run_id if run.measured else None, run.on_line)
        finally:
            run.pacer.done()


events.init_command_line_parser.add_listener(options.add_to)


@events.init.add_listener
def register(environment: Environment, **_: Any) -> None:
    """Messages between the master and its workers, beyond Locust's own."""
    # Timers count from when the loop last looked at the clock. That was before all this was imported: without looking
    # again `-t` ends early by as long as that took.
    gevent.get_hub().loop.update_now()
    runner: Any = environment.runner
    if environment.parsed_options and environment.parsed_options.broker:
        environment.host = "broker"  # Locust's HTTP user asks for one
    if isinstance(runner, WorkerRunner):
        runner.register_message(HALT, _on_halt, concurrent=True)
    elif isinstance(runner, MasterRunner):
        for message in (LINES, PLAN_ENDED, HALTED):
            runner.register_message(message, _on_told)


@events.test_start.add_listener
def start(environment: Any, **_: Any) -> None:
    global current, latest
    if latest and latest.generators:
        latest.generators.close()
    current = latest = LoadRun(environment)
    try:
        current.start()
    except NotStarted as error:
        log.error("nothing was sent: %s", error)
        current = None
        environment.process_exit_code = 2
        environment.runner.quit()


@events.test_stopping.add_listener
def stopping(environment: Environment, **_: Any) -> None:
    """Before the users are stopped: let the requests in flight be answered."""
    if current is None or current.stopping:
        return
    current.halt()
    runner: Any = environment.runner
    if current.generators:
        runner.send_message(HALT, {})
        _wait_until(current.generators.all_halted, PATIENCE + 3)


@events.test_stop.add_listener
def stop(environment: Environment, **_: Any) -> None:
    global current
    run, current = current, None
    if run:
        run.finish()


def _on_halt(environment: Any, msg: Any, **_: Any) -> None:
    counts = current.halt() if current else {"accepted": 0, "unknown": []}
    environment.runner.send_message(HALTED, counts)


def _on_told(environment: Any, msg: Any, **_: Any) -> None:
    """The master hears of a worker. Its last lines may come when the run is over and a new one has not begun."""
    if latest and latest.generators:
        latest.generators.told(msg.node_id, msg.type, msg.data)


def _wait_until(condition: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        gevent.sleep(0.05)
