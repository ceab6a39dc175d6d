"""What systemd really does with Warren's units."""

import math
import re
from typing import Any

import pytest

from .units import APP, BROKER, cores, expected, pool_of, result_store, seconds, show, workers

EXPOSURE = 2.0  # of 10; systemd calls this OK
DEPLOY = "run: ansible-playbook ansible/site.yml"


@pytest.mark.on(*APP)
def test_exactly_the_units_of_the_contract_run(host: Any, deployment: Any) -> None:
    listed = host.check_output("systemctl list-units --all --plain --no-legend --type=service 'warren-*'").splitlines()
    running = {line.split()[0] for line in listed if line.split()[2] == "active"}
    wanted = set(expected(deployment, host.machine, cores(host)))
    assert running >= wanted, (
        f"not running: {', '.join(sorted(wanted - running))}; look at: journalctl -u UNIT -n 50; then {DEPLOY}"
    )
    assert running <= wanted, f"running, and not in stack.yml: {', '.join(sorted(running - wanted))}; {DEPLOY}"


@pytest.mark.on(*APP)
def test_units_start_at_boot(host: Any, deployment: Any) -> None:
    for unit, said in show(host, expected(deployment, host.machine, cores(host))).items():
        assert said["UnitFileState"] == "enabled", f"{unit} is not enabled; {DEPLOY}"


def test_no_unit_has_failed(host: Any) -> None:
    failed = host.check_output("systemctl list-units --failed --plain --no-legend").splitlines()
    names = ", ".join(line.split()[0] for line in failed)
    assert not failed, f"failed: {names}; read `systemctl status` of it, mend it, then: systemctl reset-failed"


@pytest.mark.on("workers")
def test_workers_are_stopped_and_watched_as_the_contract_says(host: Any, deployment: Any) -> None:
    contract = deployment.contract
    for unit, said in show(host, workers(deployment, host.machine, cores(host))).items():
        pool = contract.pools[pool_of(unit)]
        assert said["Type"] == "notify", f"{unit}: ready must mean that it consumes; {DEPLOY}"
        assert said["KillMode"] == "mixed", f"{unit}: its children would be stopped in mid-task; {DEPLOY}"
        assert said["Restart"] == "always", f"{unit} would stay away after a crash; {DEPLOY}"
        assert seconds(said["TimeoutStopUSec"]) == math.ceil(contract.stop.timeout), (
            f"{unit} gets {said['TimeoutStopUSec']} to stop, stop.timeout is {contract.stop.timeout:g} s; {DEPLOY}"
        )
        assert seconds(said["WatchdogUSec"]) == math.ceil(contract.broker.heartbeat), (
            f"{unit}: one that hangs is noticed after {said['WatchdogUSec']}, not a heartbeat; {DEPLOY}"
        )
        assert pool.memory * 2**20 <= memory(said), (
            f"{unit}: MemoryMax {said['MemoryMax']} is less than the {pool.memory} MiB it may need; {DEPLOY}"
        )


@pytest.mark.on(*APP)
def test_every_unit_is_bounded_and_nobodys_but_its_own(host: Any, deployment: Any) -> None:
    user = host.facts["release_user"]
    owners = dict(line.split() for line in host.check_output("ps -e -o pid=,user=").splitlines())
    for unit, said in show(host, expected(deployment, host.machine, cores(host))).items():
        assert said["User"] == user, f"{unit} runs as {said['User'] or 'root'}; {DEPLOY}"
        assert memory(said) < math.inf, f"{unit} may take all memory; {DEPLOY}"
        assert said["TasksMax"] != "infinity", f"{unit} may start any number of processes; {DEPLOY}"
        assert said["NeedDaemonReload"] == "no", f"{unit}: its file is newer than what runs; systemctl daemon-reload"
        really = owners.get(said["MainPID"])
        assert really == user, f"the main process of {unit} belongs to {really}; systemctl restart {unit}"


def memory(said: dict[str, str]) -> float:
    return math.inf if said["MemoryMax"] == "infinity" else float(said["MemoryMax"])


@pytest.mark.on("brokers")
def test_the_broker_may_open_enough_files(host: Any) -> None:
    said, wanted = show(host, [BROKER])[BROKER], host.facts["rabbitmq_file_limit"]
    assert int(said["LimitNOFILE"]) == int(wanted), f"{BROKER}: LimitNOFILE is {said['LimitNOFILE']}; {DEPLOY}"
    assert said["UnitFileState"] == "enabled", f"{BROKER} does not start at boot; {DEPLOY}"


@pytest.mark.on("brokers", "results", *APP)
def test_no_unit_is_more_exposed_than_it_must_be(host: Any, deployment: Any) -> None:
    units = expected(deployment, host.machine, cores(host))
    units += [BROKER] if "brokers" in host.machine.groups else []
    units += result_store(host) if "results" in host.machine.groups else []
    said = host.check_output("systemd-analyze security --no-pager " + " ".join(units))
    found = {unit: float(level) for unit, level in re.findall(r"exposure level for (\S+): ([0-9.]+) ", said)}
    assert set(found) == set(units)
    wide = {unit: level for unit, level in found.items() if level > EXPOSURE}
    assert not wide, f"exposed more than {EXPOSURE} of 10: {wide}; why: systemd-analyze security UNIT. {DEPLOY}"


@pytest.mark.on("results")
def test_one_result_store_runs_and_starts_at_boot(host: Any) -> None:
    units = result_store(host)
    assert len(units) == 1, f"result stores that run: {units or 'none'}; {DEPLOY}"
    # PostgreSQL's clusters are started by a unit of all of them.
    assert show(host, units)[units[0]]["UnitFileState"] in ("enabled", "enabled-runtime"), f"{units[0]}: not enabled"


def test_one_beat_only(everyone: dict[str, Any], deployment: Any) -> None:
    beats = [name for name, each in everyone.items() if each.run("systemctl is-active --quiet warren-beat").rc == 0]
    wanted = [machine.name for machine in deployment.group("beat")]
    assert beats == wanted, f"beat runs on {beats or 'no host'}, and should on {wanted}; {DEPLOY}"


def test_all_hosts_run_the_same_release(everyone: dict[str, Any], deployment: Any) -> None:
    found = {}
    for name, each in everyone.items():
        if set(each.machine.groups) & set(APP):
            found[name] = each.check_output("readlink -f %s/current", each.facts["release_home"]).rpartition("/")[2]
    assert len(set(found.values())) == 1, f"hosts differ: {found}; a deployment stopped half-way: run deploy.yml again"
