"""stack.yml is accepted as shipped, and each thing that cannot work is refused with its line and a cure."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from pydantic import TypeAdapter

from app.contract import Contract, ContractError, load_contract
from app.units import Size, format_duration, format_size, parse_duration
from loadtests.commands.check import check

SHIPPED = Path(__file__).parents[2] / "stack.yml"

POOL = {"kind": "threads", "queues": ["io"], "processes": 1, "prefetch": 1, "longest_task": "1s"}


def changed(tmp_path: Path, **changes: Any) -> Path:
    """The shipped stack.yml with values replaced; keys are paths with `__` for the dot, None removes."""
    data = yaml.safe_load(SHIPPED.read_text())
    for path, value in changes.items():
        *parents, key = path.split("__")
        node = data
        for parent in parents:
            node = node[parent]
        if value is None:
            del node[key]
        else:
            node[key] = value
    file = tmp_path / "stack.yml"
    file.write_text(yaml.safe_dump(data, sort_keys=False))
    return file


def complaints(path: Path) -> list[str]:
    with pytest.raises(ContractError) as refused:
        load_contract(path)
    return [str(complaint) for complaint in refused.value.complaints]


def test_the_shipped_file_works() -> None:
    contract = load_contract(SHIPPED)
    assert contract.queue_of("longtime_add") == "long"
    assert contract.queue_of("some.other.task") == contract.default_queue
    assert contract.pools["fast"].process_count(cores=6) == 6


@pytest.mark.parametrize(
    ("changes", "where", "cure"),
    [
        # The times, each inequality on its own.
        ({"pools__long__soft_limit": "100s"}, "pools.long.soft_limit", "no time to clean up"),
        ({"pools__long__hard_limit": "110s"}, "pools.long.hard_limit", "stop.soft_shutdown (110s)"),
        ({"stop__soft_shutdown": "2m"}, "stop.timeout", "raise stop.timeout"),
        ({"broker__consumer_timeout": "100s"}, "pools.long.hard_limit", "broker.consumer_timeout"),
        ({"pools__io__longest_task": "110s"}, "pools.io.longest_task", "stop.soft_shutdown"),
        # Names that we need ourselves.
        ({"queues__dead": {}}, "queues.dead", "rename yours"),
        ({"queues__records": {}}, "queues.records", "rename yours"),
        ({"queues__plain": {}}, "queues.plain", "rename yours"),
        ({"queues__celery_delayed_1": {}}, "queues.celery_delayed_1", "rename yours"),
        # Prefetch.
        ({"broker__consumer_timeout": "2m"}, "pools.io.prefetch", "held for 2m"),
        ({"pools__io__prefetch": 4}, "pools.io.prefetch", "slots idle"),
        ({"pools__fast__prefetch": 301}, "pools.fast.prefetch", "gains nothing over 300"),
        ({"pools__long__prefetch": 2}, "pools.long.prefetch", "set it to concurrency (1)"),
        ({"pools__fast__processes": 32}, "pools.fast.prefetch", "2048 messages in hand"),
        # The broker.
        ({"broker__replicas": 3}, "broker.replicas", "do not fit on 1 node"),
        ({"broker__nodes": 3, "broker__replicas": 2}, "broker.replicas", "use an odd number"),
        ({"broker__nodes": 3, "broker__replicas": 3, "broker__queue_type": "classic"}, "broker.replicas", "classic"),
        # What a pool's kind cannot do.
        ({"pools__io__hard_limit": "30s"}, "pools.io.hard_limit", "cannot stop a running task"),
        ({"pools__fast__soft_limit": "30s"}, "pools.fast.soft_limit", "cannot stop a running task"),
        ({"pools__io__max_memory": "1GB"}, "pools.io.max_memory", "no child process"),
        ({"pools__fast__max_tasks": 5}, "pools.fast.max_tasks", "no child process"),
        ({"pools__fast__concurrency": 2}, "pools.fast.concurrency", "one task at a time"),
        ({"pools__fast__longest_task": "4s"}, "pools.fast.longest_task", "broker.heartbeat (30s)"),
        ({"pools__io__longest_task": None}, "pools.io", "needs longest_task"),
        ({"pools__long__hard_limit": None}, "pools.long", "needs hard_limit"),
        ({"pools__long__soft_limit": None}, "pools.long", "needs soft_limit"),
        ({"pools__long__longest_task": "5s"}, "pools.long.longest_task", "remove longest_task"),
        ({"pools__fast-2": POOL}, "pools.fast-2", "rename it"),
        # Queues.
        ({"default_queue": "nowhere"}, "default_queue", "choose one of fast, io, long"),
        ({"queues__spare": {}}, "queues.spare", "no pool reads it"),
        ({"pools__io__queues": ["io", "oi"]}, "pools.io.queues", "there is no queue 'oi'"),
        ({"queues__io__tasks": ["add", "sleep"]}, "queues.io.tasks", "in queue 'fast' already"),
        # The front end.
        ({"web__waiters": 32}, "web.waiters", "below web.threads"),
        ({"web__publish_timeout": "2s"}, "web.publish_timeout", "at most 1800ms"),
        # Shapes.
        ({"broker__heartbeat": 30}, "broker.heartbeat", "a number and a unit"),
        ({"broker__heartbeat": "0s"}, "broker.heartbeat", "above zero"),
        ({"pools__long__max_memory": 300}, "pools.long.max_memory", "a number and a unit"),
        ({"pools__io__kind": "gevent"}, "pools.io.kind", "'solo', 'threads' or 'prefork'"),
        ({"pools__io__processes": 0}, "pools.io.processes", "greater than or equal to 1"),
        ({"broker__quorums": 3}, "broker.quorums", "not a setting Warren knows"),
        ({"web": None}, "web", "missing"),
        ({"version": 2}, "version", "Input should be 1"),
    ],
)
def test_refused(tmp_path: Path, changes: dict[str, Any], where: str, cure: str) -> None:
    found = complaints(changed(tmp_path, **changes))
    assert any(f"{where}:" in text and cure in text for text in found), found


def test_every_complaint_at_once_each_with_its_line(tmp_path: Path) -> None:
    path = changed(tmp_path, broker__replicas=2, web__waiters=99)
    lines = path.read_text().splitlines()
    found = complaints(path)
    assert len(found) == 3  # 2 replicas are too many for one node, and even
    for text, key in zip(found, ["replicas", "replicas", "waiters"], strict=True):
        line = int(text.removeprefix("line ").split(":")[0])
        assert lines[line - 1].strip().startswith(key)


def test_a_key_named_twice_is_refused_with_both_kept_visible(tmp_path: Path) -> None:
    path = tmp_path / "stack.yml"
    path.write_text(SHIPPED.read_text() + "\neta_limit: 5\n")
    assert any("eta_limit: named twice" in text for text in complaints(path))


@pytest.mark.parametrize(
    ("text", "why"), [("broker: [", "not YAML"), ("", "valid dictionary"), ("- 1", "valid dictionary")]
)
def test_not_a_contract_at_all(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "stack.yml"
    path.write_text(text)
    assert why in complaints(path)[0]


def test_a_missing_file_says_how_to_name_another(tmp_path: Path) -> None:
    assert "STACK_FILE" in complaints(tmp_path / "none.yml")[0]


def test_what_is_printed_can_be_read_again(tmp_path: Path) -> None:
    contract = load_contract(SHIPPED)
    path = tmp_path / "stack.yml"
    path.write_text(yaml.safe_dump(contract.model_dump(mode="json", exclude_none=True)))
    assert load_contract(path) == contract
    assert isinstance(contract, Contract)


@pytest.mark.parametrize(("text", "seconds"), [("500ms", 0.5), ("1.5h", 5400), ("1d", 86400), ("110s", 110)])
def test_durations_survive_the_round_trip(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("text", "size"), [("1250MB", 1_250_000_000), ("64KiB", 65_536), ("1.5GB", 1_500_000_000), ("1001B", 1001)]
)
def test_sizes_survive_the_round_trip(text: str, size: int) -> None:
    sizes = TypeAdapter(Size)
    assert sizes.validate_python(text) == size
    assert sizes.validate_python(format_size(size)) == size
    assert sizes.dump_json(sizes.validate_python(text)).decode().strip('"') == format_size(size)


def test_programs_get_seconds_and_bytes_and_the_brokers_settings() -> None:
    told = CliRunner().invoke(check, ["--json", "--stack", str(SHIPPED), "--broker-version", "3.10.8"])
    assert told.exit_code == 0, told.output
    found = json.loads(told.output)
    assert found["contract"]["stop"]["timeout"] == 120
    assert found["contract"]["pools"]["long"]["max_memory"] == 300_000_000
    assert set(found["rabbitmq"]) == {"conf", "advanced", "permissions", "policies"}
    # Before 3.12 the timeout of a delivery is no policy, and such a broker would refuse it.
    assert "consumer-timeout" not in found["rabbitmq"]["policies"][0]["definition"]
    wrong = CliRunner().invoke(check, ["--json", "--stack", str(SHIPPED), "--broker-version", "new"])
    assert wrong.exit_code == 2
    assert "4.0.5" in wrong.output
