"""A schedule of faults: a small YAML file, refused with every complaint and its line before anything starts."""

from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.contract import Complaint, Name, TaskName, from_pydantic, line_of, named_twice
from app.units import Duration

DEFAULT = Path(__file__).with_name("schedule.yml")
# What is played unless another is given: all that can be done to the target.
DEFAULTS = {"local": DEFAULT} | dict.fromkeys(("hosts", "kubernetes"), DEFAULT.with_name("schedule-deployed.yml"))

Kind = Literal[
    "worker-kill",
    "worker-stop",
    "worker-restart",
    "web-kill",
    "web-restart",
    "broker-kill",
    "broker-stop",
    "broker-restart",
    "memory-alarm",
    "disk-alarm",
    "results-down",
    "deploy",
    "cut",
    "slow-link",
]
# Those that go on until they are put back; the others are done at once, and the stack mends itself.
LASTING: tuple[Kind, ...] = (
    *("worker-stop", "broker-stop", "memory-alarm", "disk-alarm", "results-down", "cut", "slow-link"),
)


class BadSchedule(ValueError):
    """A schedule that cannot be played; the text holds every complaint."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Fault(_Part):
    """One fault. `lasts`, `after`: seconds. `pool`: whose worker is meant; None: the one that runs `task`."""

    do: Kind
    lasts: Duration | None = None
    after: Duration | None = None
    task: TaskName = "noop"
    args: list[Any] = []
    pool: Name | None = None


class Schedule(_Part):
    """`rate`: tasks a second. `before`, `after`: seconds of load around each fault. `tasks`: accepted, at least."""

    version: Literal[1]
    rate: float = Field(gt=0, allow_inf_nan=False)
    before: Duration
    after: Duration
    tasks: int = Field(0, ge=0)
    faults: dict[Name, Fault] = Field(min_length=1)

    def length(self, fault: Fault) -> float:
        """Seconds of load that a fault gets."""
        # A few per cent more than what is wanted: arrivals are random, and a fault has some of them refused.
        enough = self.tasks * MARGIN / self.rate
        return max(self.before + (fault.lasts or 0.0) + (fault.after or self.after), enough)


MARGIN = 1.08


class Form(NamedTuple):
    """What `--short` and `--nightly` put in place of the schedule's own values; None: as the schedule says."""

    rate: float
    before: float
    after: float
    tasks: int
    lasts: float | None


SHORT = Form(rate=40.0, before=4.0, after=6.0, tasks=0, lasts=2.0)
NIGHTLY = Form(rate=250.0, before=30.0, after=60.0, tasks=80_000, lasts=None)


def read(path: Path) -> Schedule:
    """Of a file. Raises BadSchedule."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadSchedule(f"{path}: cannot be read ({error.strerror}); name another schedule") from error
    except UnicodeDecodeError as error:
        raise BadSchedule(f"{path}: not YAML: {error}") from error
    return parse(text, path)


def parse(text: str, path: Path) -> Schedule:
    """`path` is what complaints call it. Raises BadSchedule."""
    try:
        root, data = yaml.compose(text, Loader=yaml.SafeLoader), yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = Complaint("", f"not YAML: {getattr(error, 'problem', None) or error}", mark.line + 1 if mark else None)
        raise BadSchedule(f"{path}: {what}") from error
    complaints = [Complaint(where, "named twice", line) for where, line in named_twice(root)]
    try:
        schedule = Schedule.model_validate(data)
        complaints += [complaint for name, fault in schedule.faults.items() for complaint in _judge(name, fault)]
    except ValidationError as error:
        complaints += [from_pydantic(detail) for detail in error.errors()]
    if complaints:
        placed = [Complaint(c.where, c.message, c.line or line_of(root, c.where)) for c in complaints]
        raise BadSchedule("\n".join(f"{path}: {each}" for each in sorted(placed, key=lambda c: c.line or 0)))
    return schedule


def chosen(schedule: Schedule, only: tuple[str, ...], form: Form | None, rate: float | None) -> Schedule:
    """The schedule as the options change it. Raises BadSchedule for a name that it does not have."""
    unknown = [name for name in only if name not in schedule.faults]
    if unknown:
        raise BadSchedule(f"--only {unknown[0]}: the schedule has no such fault; it has {', '.join(schedule.faults)}")
    faults = {name: fault for name, fault in schedule.faults.items() if not only or name in only}
    change: dict[str, Any] = {"faults": faults}
    if form:
        change |= {"rate": form.rate, "before": form.before, "after": form.after, "tasks": form.tasks}
        if form.lasts:
            change["faults"] = {
                name: fault.model_copy(update={"lasts": min(fault.lasts, form.lasts)}) if fault.lasts else fault
                for name, fault in faults.items()
            }
    if rate:
        change["rate"] = rate
    return schedule.model_copy(update=change)


def _judge(name: str, fault: Fault) -> list[Complaint]:
    found = []
    if fault.do in LASTING and fault.lasts is None:
        found.append(Complaint(f"faults.{name}", f"{fault.do} goes on until it is put back; say how long: lasts: 5s"))
    if fault.do not in LASTING and fault.lasts is not None:
        found.append(Complaint(f"faults.{name}.lasts", f"{fault.do} is done at once; leave this out"))
    if fault.pool and not fault.do.startswith("worker-"):
        found.append(Complaint(f"faults.{name}.pool", f"{fault.do} is not about a worker; leave this out"))
    return found


KINDS: tuple[Kind, ...] = get_args(Kind)
