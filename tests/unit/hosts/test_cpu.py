"""Processor time of hosts: two readings make a sample, and a host that is lost has none."""

import json
from pathlib import Path
from typing import Any

from loadtests.hosts.cpu import HostsSampler
from loadtests.hosts.inventory import Machine

from ...front_end import wait_until

READINGS = [
    {"at": 10.0, "host": 5.0, "units": [["a.service", "worker", 1.0], ["b.service", "worker", 2.0]]},
    {"at": 12.0, "host": 8.0, "units": [["a.service", "worker", 2.0], ["b.service", "worker", 2.5]]},
    # One that was restarted begins anew; it used no negative time.
    {"at": 14.0, "host": 9.0, "units": [["a.service", "worker", 0.5], ["c.service", "beat", 7.0]]},
]


class Known:
    """In place of ssh: a program that says what a host would."""

    def __init__(self, said: dict[str, str]) -> None:
        self.said = said

    def command(self, machine: Machine, *words: str) -> list[str]:
        return ["sh", "-c", f"cat >/dev/null; printf '{self.said[machine.name]}'"]


def sampled(folder: Path, said: dict[str, str], lines: int) -> list[dict[str, Any]]:
    machines = [Machine(name, name) for name in said]

    def written() -> list[str]:
        return [line for file in folder.glob("cpu-*") for line in file.read_text().splitlines()]

    with HostsSampler(folder, Known(said), machines):  # type: ignore[arg-type]
        wait_until(lambda: len(written()) >= lines, "the samples")
    return [json.loads(line) for line in written()]


def test_services_and_the_rest_of_a_host(tmp_path: Path) -> None:
    said = "".join(json.dumps(reading) + "\\n" for reading in READINGS)
    found = sampled(tmp_path, {"one": said, "lost": "no json\\n"}, 5)
    assert {each["host"] for each in found} == {"one"}
    first, second = found[:3], found[3:]
    assert [(each["role"], each["cpu"]) for each in first] == [("worker", 0.5), ("worker", 0.25), ("rest", 0.75)]
    assert [(each["role"], each["cpu"]) for each in second] == [("worker", 0.0), ("rest", 0.5)]
    assert len({each["pid"] for each in first}) == 3
    assert first[0]["pid"] == second[0]["pid"]
