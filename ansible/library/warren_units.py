#!/usr/bin/python
"""Brings several systemd units of one kind to what they should be: all wanted ones run, no other does.

`ansible.builtin.systemd_service` takes one unit at a time. A worker may need minutes to finish its task before it ends,
so stopping and restarting several must happen side by side.
"""

import fnmatch
import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: warren_units
short_description: Several systemd units side by side
description:
  - Enables and starts the wanted units, restarts those that run with older files, stops and disables the others.
  - Comes back when all of them are ready. When one is not, it fails with the last lines of that unit's journal.
  - What has to be restarted is seen from the files' ages, so an interrupted run is made good by the next one.
options:
  wanted:
    description: Names of the units that should run.
    type: list
    elements: str
    required: true
  among:
    description: Patterns; units of such names that are not wanted are stopped and disabled.
    type: list
    elements: str
    default: []
  read:
    description: Files that the units read when they start, besides their own unit files.
    type: list
    elements: str
    default: []
  within:
    description: Seconds in which they must have ended and be ready; a worker waits for its broker for ever.
    type: int
    default: 300
  wants:
    description: The unit that starts them when the host boots; it is enabled and started when any is wanted.
    type: str
    default: warren.target
author: Warren
"""
EXAMPLES = r"""
- name: Two processes of one pool, and no third
  warren_units:
    wanted: [warren-worker@fast-0.service, warren-worker@fast-1.service]
    among: [warren-worker@*.service]
    read: [/etc/warren/stack.yml]
"""
RETURN = r"""
stopped: {description: Units that were or would be stopped and disabled., type: list, returned: success}
started: {description: Units that were or would be started., type: list, returned: success}
restarted: {description: Units that were or would be restarted., type: list, returned: success}
"""

PROPERTIES = (
    "Id,LoadState,ActiveState,UnitFileState,NeedDaemonReload,InactiveExitTimestampMonotonic,FragmentPath,DropInPaths"
)
UNIT_FILES = "/etc/systemd/system"
JOURNAL_LINES = "15"
TIMED_OUT = 124  # of coreutils' timeout


def main():
    module = AnsibleModule(
        argument_spec={
            "wanted": {"type": "list", "elements": "str", "required": True},
            "among": {"type": "list", "elements": "str", "default": []},
            "read": {"type": "list", "elements": "str", "default": []},
            "within": {"type": "int", "default": 300},
            "wants": {"type": "str", "default": "warren.target"},
        },
        supports_check_mode=True,
    )
    wanted, among, wants = (module.params[name] for name in ("wanted", "among", "wants"))
    run = Systemctl(module)
    names = [*wanted, *among, *linked(wants, among), wants]
    units = run.show(names)
    # A surplus unit's file may be gone already; that is no reason to read all files again.
    if any(
        unit["NeedDaemonReload"] == "yes" or (name in wanted and unit["LoadState"] == "not-found")
        for name, unit in units.items()
    ):
        run("daemon-reload")
        units = run.show(names)
    group = units.pop(wants)
    surplus = [name for name in units if name not in wanted]
    settings = max([0.0, *map(changed, module.params["read"])])
    stop = [name for name in surplus if busy(units[name])]
    disable = [name for name in surplus if units[name]["UnitFileState"] == "enabled"]
    enable = [name for name in wanted if not enabled(units.get(name))]
    start = [name for name in wanted if not running(units.get(name))]
    restart = [
        name for name in wanted if name not in start and started(units[name]) < max(settings, written(units[name]))
    ]
    begin = [wants] if wanted and not (running(group) and enabled(group)) else []
    result = {"stopped": sorted({*stop, *disable}), "started": start, "restarted": restart}
    if not module.check_mode:
        run("disable", *disable)
        run("stop", *stop)
        run("enable", *enable, *begin)
        run("reset-failed", *start)
        failed = run("restart", *start, *restart, may_fail=True)
        run("start", *begin)
        down = [name for name, unit in run.show(wanted).items() if not running(unit)] if wanted else []
        if failed or down:
            module.fail_json(msg=run.why(down or [*start, *restart], failed), **result)
    module.exit_json(changed=bool(stop or disable or enable or start or restart or begin), **result)


class Systemctl:
    """Calls systemctl with several units at a time; nothing is called for none."""

    def __init__(self, module):
        self._module = module

    def __call__(self, verb, *units, may_fail=False):
        """Returns what systemctl complained of, when it may fail."""
        if (not units and verb != "daemon-reload") or (self._module.check_mode and verb != "show"):
            return ""
        within = str(self._module.params["within"])
        code, _, complaint = self._module.run_command(["timeout", within, "systemctl", verb, "--", *units])
        complaint = f"not done within {within} s" if code == TIMED_OUT else complaint
        if code and not may_fail:
            self._module.fail_json(msg=f"systemctl {verb} {' '.join(units)}: {complaint.strip()}")
        return complaint.strip() or f"exit code {code}" if code else ""

    def show(self, names):
        """Name → properties, of the units that are named or that match a pattern and are known to systemd."""
        if not names:
            return {}
        command = ["systemctl", "show", "--property", PROPERTIES, "--", *names]
        _, output, _ = self._module.run_command(command, check_rc=True)
        blocks = [dict(line.split("=", 1) for line in block.splitlines()) for block in output.split("\n\n") if block]
        return {block["Id"]: block for block in blocks}

    def why(self, names, complaint):
        """What a person needs to know of units that do not run: the last words of the first of them."""
        journal = ["journalctl", "--no-pager", "--output=cat", "--lines", JOURNAL_LINES]
        _, said, _ = self._module.run_command([*journal, f"_SYSTEMD_UNIT={names[0]}"])
        if not said.strip():
            # It did not come to say anything: then systemd did.
            _, said, _ = self._module.run_command([*journal, f"--unit={names[0]}"])
        reason = complaint.splitlines()[0] if complaint else "they ended again"
        return f"not running: {', '.join(names)} ({reason}). The last that {names[0]} said:\n{said}"


def linked(wants, among):
    """Units that are enabled, though systemd may not have loaded them."""
    names = [link.name for link in Path(UNIT_FILES, f"{wants}.wants").glob("*")]
    return [name for name in names if any(fnmatch.fnmatchcase(name, pattern) for pattern in among)]


def changed(path):
    # Of the link itself: where it points to is what changed.
    try:
        return Path(path).lstat().st_mtime
    except OSError:
        return 0.0


def written(unit):
    """When the newest of its unit files was written."""
    return max([0.0, *map(changed, f"{unit['FragmentPath']} {unit['DropInPaths']}".split())])


def running(unit):
    return bool(unit) and unit["ActiveState"] in ("active", "reloading")


def enabled(unit):
    # Not only "enabled": a static target, or what a generator made, cannot be enabled and need not be.
    return bool(unit) and unit["UnitFileState"] not in ("disabled", "")


def busy(unit):
    return unit["ActiveState"] not in ("inactive", "failed")


def started(unit):
    """When it began to start, in epoch seconds."""
    ago = time.monotonic() - int(unit["InactiveExitTimestampMonotonic"] or 0) / 1e6
    return time.time() - ago


if __name__ == "__main__":
    main()
