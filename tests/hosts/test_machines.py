"""What the servers themselves need."""

import time
from typing import Any

CLOCK = 1.0  # seconds
FULL = 90  # percent


def test_clocks_agree(host: Any) -> None:
    asked = time.time()
    said = float(host.check_output("date +%s.%N"))
    answered = time.time()
    off = max(asked - said, said - answered, 0.0)
    assert off < CLOCK, f"the clock of {host.machine.name} is off by {off:.1f} s; timedatectl set-ntp true"


def test_disks_have_room(host: Any) -> None:
    for line in host.check_output("df --output=pcent,target / /var /opt").splitlines()[1:]:
        percent, folder = line.split()
        assert int(percent.rstrip("%")) < FULL, f"{folder} is {percent} full; brokers stop publishers when it fills up"
