"""stack.yml as typed values: the only reader of that file. What cannot work is refused here, by `contract_rules`."""

import math
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from app import contract_rules
from app.units import Duration, Size

# Queue, pool and vhost names end up in unit names, pod names and URLs: keep them plain.
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
TaskName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][\w.]{0,200}$")]
Count = Annotated[int, Field(ge=1, strict=True)]


# MiB: of a worker process itself; and for those that have no children whose memory is limited, of its tasks.
WORKER_MEMORY, TASKS_MEMORY = 192, 128
# A child is replaced after the task with which it grew too large.
CHILD_MARGIN = 1.25


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Broker(_Part):
    vhost: Name
    queue_type: Literal["quorum", "classic"]
    nodes: Count
    replicas: Count
    heartbeat: Duration
    consumer_timeout: Duration
    delivery_limit: Count


class Queue(_Part):
    tasks: list[TaskName] = []


class Pool(_Part):
    """One kind of worker process. Limits are seconds; None where the kind cannot enforce them."""

    kind: Literal["solo", "threads", "prefork"]
    queues: list[Name] = Field(min_length=1)
    processes: Count | Literal["per-core"]
    concurrency: Count = 1
    prefetch: Count
    longest_task: Duration | None = None
    soft_limit: Duration | None = None
    hard_limit: Duration | None = None
    max_memory: Size | None = None
    max_tasks: Count | None = None

    @property
    def children_memory(self) -> int:
        """Bytes that the children of one worker process need when each has grown as far as it may; 0: not limited."""
        return math.ceil(self.concurrency * (self.max_memory or 0) * CHILD_MARGIN)

    @property
    def memory(self) -> int:
        """MiB that one worker process needs, its children among them."""
        return math.ceil(WORKER_MEMORY + (self.children_memory / 2**20 or TASKS_MEMORY))

    @property
    def longest(self) -> float:
        """Seconds that one task may take here: the enforced limit, or the promise where none can be enforced."""
        return self.hard_limit or self.longest_task or 0.0

    def process_count(self, cores: int | None = None) -> int:
        """Worker processes on a machine of that many cores (this one's, when not said)."""
        return (cores or os.cpu_count() or 1) if self.processes == "per-core" else self.processes


class Stop(_Part):
    soft_shutdown: Duration
    timeout: Duration


class Periodic(_Part):
    every: Duration


class Web(_Part):
    processes: Count
    threads: Count
    waiters: Count
    max_body: Size
    publish_timeout: Duration


class Results(_Part):
    keep: Duration


class Contract(_Part):
    """All of stack.yml. Durations are float seconds, sizes are bytes."""

    version: Literal[1]
    broker: Broker
    default_queue: Name
    queues: dict[Name, Queue] = Field(min_length=1)
    pools: dict[Name, Pool] = Field(min_length=1)
    stop: Stop
    eta_limit: Count
    beat: dict[TaskName, Periodic] = {}
    web: Web
    results: Results

    @cached_property
    def routes(self) -> dict[str, str]:
        """Task name → queue name, for the tasks that stack.yml names."""
        return {task: name for name, queue in self.queues.items() for task in queue.tasks}

    def queue_of(self, task: str) -> str:
        """The queue that a task travels through."""
        return self.routes.get(task, self.default_queue)


@dataclass(frozen=True)
class Complaint:
    """One thing that cannot work. `where` is a dotted path into stack.yml, `line` counts from 1 (None: no line)."""

    where: str
    message: str
    line: int | None = None

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line else ""
        return f"{place}{self.where}: {self.message}" if self.where else f"{place}{self.message}"


class ContractError(ValueError):
    """stack.yml was refused; `complaints` holds every reason found."""

    def __init__(self, path: Path, complaints: list[Complaint]) -> None:
        self.path, self.complaints = path, complaints
        super().__init__("\n".join(f"{path}: {complaint}" for complaint in complaints))


def load_overlaid(path: str | Path, above: dict[str, Any]) -> tuple[Contract, str]:
    """A stack.yml with `above` laid over it, key by key, and the text of both together. Raises ContractError."""
    text = _read(Path(path))
    contract = parse_contract(text, path)
    if above:
        text = yaml.safe_dump(_overlaid(yaml.safe_load(text), above), sort_keys=False, allow_unicode=True)
        contract = parse_contract(text, f"{path} with what is laid over it")
    return contract, text


def _overlaid(below: Any, above: Any) -> Any:
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return below | {key: _overlaid(below.get(key), value) for key, value in above.items()}


def load_contract(path: str | Path) -> Contract:
    """Read and judge a stack.yml. Raises ContractError with every complaint at once."""
    return parse_contract(_read(Path(path)), path)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")  # once: it may be a pipe
    except OSError as error:
        why = f"cannot be read ({error.strerror}); name one that can: STACK_FILE, --stack, or the command's argument"
        raise ContractError(path, [Complaint("", why)]) from error
    except UnicodeDecodeError as error:
        raise _not_yaml(path, error) from error


def _not_yaml(path: Path, error: Exception) -> ContractError:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or error
    return ContractError(path, [Complaint("", f"not YAML: {what}", mark.line + 1 if mark else None)])


def parse_contract(text: str, source: str | Path) -> Contract:
    """Judge the text of a stack.yml; `source` is what complaints call it. Raises ContractError."""
    path = Path(source)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise _not_yaml(path, error) from error
    complaints = [Complaint(where, "named twice", line) for where, line in named_twice(root)]
    try:
        contract = Contract.model_validate(data)
        complaints += [Complaint(where, message) for where, message in contract_rules.judge(contract)]
    except ValidationError as error:
        complaints += [from_pydantic(detail) for detail in error.errors()]
    if complaints:
        placed = [Complaint(c.where, c.message, c.line or line_of(root, c.where)) for c in complaints]
        raise ContractError(path, sorted(placed, key=lambda c: c.line or 0))
    return contract


def from_pydantic(detail: Any) -> Complaint:
    # A union's branches appear in `loc` as names that are not in the file; leave them out.
    steps = [str(step) for step in detail["loc"] if not str(step).startswith(("literal[", "constrained-", "int"))]
    message = {
        "extra_forbidden": "not a setting Warren knows; remove it or correct its spelling",
        "missing": "missing",
    }.get(detail["type"], detail["msg"].removeprefix("Value error, "))
    return Complaint(".".join(step for step in steps if step != "[key]"), message)


def line_of(node: yaml.Node | None, where: str) -> int | None:
    """The line of a dotted path, or of the deepest part of it that stands in the file."""
    line = None
    for step in where.split(".") if where else []:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == step), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and step.isdigit() and int(step) < len(node.value):
            node = node.value[int(step)]
            line = node.start_mark.line + 1
    return line or (node.start_mark.line + 1 if node else None)


def named_twice(node: yaml.Node | None, path: str = "") -> list[tuple[str, int]]:
    """YAML lets the last of two equal keys win in silence; here both are shown."""
    found: list[tuple[str, int]] = []
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            where = f"{path}.{key.value}".lstrip(".")
            if key.value in seen:
                found.append((where, key.start_mark.line + 1))
            seen.add(key.value)
            found += named_twice(value, where)
    return found
