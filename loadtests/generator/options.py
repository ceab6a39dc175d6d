"""What the locustfile understands beyond Locust's own options. Bad values are refused before anything is sent."""

import argparse
import json
import math
import re
from pathlib import Path
from typing import Any

from loadtests import scenarios
from loadtests.generator import replay, schedule

# As the front end's ids: they travel in headers, URLs and file names.
RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def _seconds(text: str) -> float:
    try:
        value = float(text.removesuffix("s"))
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds, 0 or more")
    return value


def _replay(text: str) -> str:
    if text:
        try:
            replay.read(Path(text))
        except replay.BadReplay as error:
            raise argparse.ArgumentTypeError(str(error)) from error
    return text


def arguments(text: str) -> list[Any] | dict[str, Any]:
    """JSON arguments of a task: a list of positional or an object of keyword ones. Raises ArgumentTypeError."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not JSON: {error}") from error
    if not isinstance(value, list | dict):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a JSON list nor an object")
    return value


def _arguments(text: str) -> str:
    arguments(text)
    return text


def _run_id(text: str) -> str:
    if text and not RUN_ID.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r}: letters, digits, '.', '_', ':', '-', at most 128")
    return text


def add_to(parser: Any) -> None:
    """Add the options to Locust's parser."""
    # Users are senders: all of them are wanted at once.
    parser.set_defaults(spawn_rate=100)
    add = parser.add_argument
    # Locust's page shows the value of each option it knows; these hold passwords.
    secret = {"include_in_web_ui": False}
    add("--scenario", choices=scenarios.names(), default="noop", help="what is sent (default: noop)")
    add("--task", metavar="NAME", help="send this task instead of a scenario")
    add("--args", metavar="JSON", type=_arguments, default="[]", help="its arguments: a JSON list, or an object")
    add("--rate", type=_positive, default=50.0, help="arrivals a second, of all processes together (default: 50)")
    add("--arrivals", choices=schedule.KINDS, default="poisson", help="how they are spaced (default: poisson)")
    add("--seed", type=int, default=1, help="the plan is drawn from this number (default: 1)")
    add("--replay", metavar="CSV", type=_replay, default="", help="arrivals from a file with columns time,task,args")
    add("--tasks", type=int, default=0, help="end after this many arrivals (default: 0, no end)")
    add("--warmup", type=_seconds, default=2.0, help="seconds at the start that the report leaves out (default: 2)")
    add("--results", metavar="DIR", default="", help="write part files there; `warren report DIR` makes the report")
    add("--token", env_var="WARREN_TOKEN", default="", help="the front end's token [env WARREN_TOKEN]", **secret)
    add("--ca", metavar="FILE", default="", help="certificates to trust beside the system's, for https")
    add("--unmeasured", action="store_true", help="send without the headers that make a task measured")
    add("--drain", type=_seconds, default=30.0, help="at the end, wait for tasks until none came for so long (30 s)")
    add("--download-url", default="", help="what the download scenario fetches")
    add(
        "--broker",
        metavar="URL",
        env_var="WARREN_BROKER_URL",
        default="",
        help="publish straight to this broker (amqp://…) [env WARREN_BROKER_URL]",
        **secret,
    )
    add("--queue", default="", help="with --broker: the queue to publish to")
    hidden = {"include_in_web_ui": False, "help": argparse.SUPPRESS}
    add("--run-id", type=_run_id, default="", **hidden)
    add("--phase", type=_run_id, default="run", **hidden)
    add("--started", type=float, default=0.0, **hidden)
