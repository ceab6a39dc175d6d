"""The module that brings systemd units to what they should be, against a stand-in for systemctl."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

MODULE = Path(__file__).parents[2] / "ansible/library/warren_units.py"

# Keeps its units in a file, and every call in another.
SYSTEMCTL = """#!{python}
import fnmatch, json, sys
from pathlib import Path
state = Path("{folder}/units.json")
units = json.loads(state.read_text())
verb, names = sys.argv[1], sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
Path("{folder}/calls").open("a").write(" ".join([verb, *sorted(names)]) + "\\n")
found = [name for name in units if any(fnmatch.fnmatchcase(name, asked) for asked in names)]
if verb == "show":
    print("\\n".join("".join(f"{{k}}={{v}}\\n" for k, v in {{"Id": name, **units[name]}}.items()) for name in found))
for name in found:
    if verb in ("start", "restart"):
        units[name]["ActiveState"] = "failed" if units[name].get("Broken") else "active"
    if verb == "stop":
        units[name]["ActiveState"] = "inactive"
    if verb in ("enable", "disable"):
        units[name]["UnitFileState"] = verb + "d"
state.write_text(json.dumps(units))
"""


class Host:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, text in {
            "systemctl": SYSTEMCTL.format(python=sys.executable, folder=folder),
            "journalctl": "#!/bin/sh\necho the last words\n",
        }.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        self.units = {"warren.target": unit("active", "enabled")}

    def settle(self, wanted: list[str], *, check: bool = False, read: tuple[Path, ...] = ()) -> dict[str, Any]:
        """Run the module; its answer, with the calls that changed something as `calls`."""
        (self.folder / "units.json").write_text(json.dumps(self.units))
        (self.folder / "calls").write_text("")
        arguments = {
            "wanted": wanted,
            "among": ["pool@*.service"],
            "read": [str(path) for path in read],
            "_ansible_check_mode": check,
            "_ansible_remote_tmp": str(self.folder),
        }
        done = subprocess.run(
            [sys.executable, MODULE],
            input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
            env=os.environ | {"PATH": f"{self.folder}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
        )
        answer: dict[str, Any] = json.loads(done.stdout)
        self.units = json.loads((self.folder / "units.json").read_text())
        calls = (self.folder / "calls").read_text().splitlines()
        return answer | {"calls": [call for call in calls if not call.startswith("show")]}


def unit(active: str, enabled: str, **more: Any) -> dict[str, Any]:
    """A unit that began a minute ago."""
    began = round((time.monotonic() - 60) * 1e6)
    return {
        "LoadState": "loaded",
        "ActiveState": active,
        "UnitFileState": enabled,
        "NeedDaemonReload": "no",
        "InactiveExitTimestampMonotonic": began,
        "FragmentPath": "",
        "DropInPaths": "",
    } | more


@pytest.fixture
def host(tmp_path: Path) -> Host:
    host = Host(tmp_path)
    host.units |= {f"pool@{index}.service": unit("active", "enabled") for index in range(2)}
    return host


def test_what_is_right_is_left_alone(host: Host) -> None:
    answer = host.settle(["pool@0.service", "pool@1.service"])
    assert not answer["changed"] and not answer["calls"]


def test_a_pool_grows_and_shrinks_all_side_by_side(host: Host) -> None:
    host.units |= {f"pool@{index}.service": unit("inactive", "disabled") for index in (2, 3)}
    grown = host.settle([f"pool@{index}.service" for index in range(4)])
    assert grown["started"] == ["pool@2.service", "pool@3.service"] and not grown["restarted"]
    assert "restart pool@2.service pool@3.service" in grown["calls"]
    shrunk = host.settle(["pool@0.service"])
    assert shrunk["stopped"] == ["pool@1.service", "pool@2.service", "pool@3.service"]
    assert "stop pool@1.service pool@2.service pool@3.service" in shrunk["calls"]
    assert [name for name, each in host.units.items() if each["UnitFileState"] == "enabled"] == [
        "warren.target",
        "pool@0.service",
    ]


def test_a_unit_older_than_what_it_reads_is_restarted_and_no_other(host: Host, tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("")
    os.utime(old, (time.time() - 3600,) * 2)
    new.write_text("")
    host.units["pool@0.service"]["DropInPaths"] = f"{old} {new}"
    host.units["pool@1.service"]["FragmentPath"] = str(old)
    wanted = ["pool@0.service", "pool@1.service"]
    assert host.settle(wanted, read=(old,))["restarted"] == ["pool@0.service"]
    assert host.settle(wanted, read=(old, new))["restarted"] == wanted


def test_looking_changes_nothing_and_says_what_would_be(host: Host) -> None:
    answer = host.settle(["pool@0.service", "pool@7.service"], check=True)
    assert answer["changed"] and answer["started"] == ["pool@7.service"] and answer["stopped"] == ["pool@1.service"]
    assert not answer["calls"]


def test_a_unit_that_does_not_stay_up_fails_with_its_last_words(host: Host) -> None:
    host.units["pool@2.service"] = unit("inactive", "disabled", Broken=True)
    answer = host.settle(["pool@0.service", "pool@2.service"])
    assert answer["failed"] and "pool@2.service" in answer["msg"] and "the last words" in answer["msg"]
