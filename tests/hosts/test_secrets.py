"""Secrets are where they belong and nowhere else."""

from pathlib import Path
from typing import Any

import pytest

from .units import APP, BROKER, cores, expected, show

FOLDER = "/etc/warren/credentials"
MEND = "run site.yml; then change the secret, as others may have read it: ansible-playbook ansible/rotate_secrets.yml"
PROGRAMS = Path(__file__).parent / "programs"


@pytest.mark.on(*APP)
def test_credentials_are_roots_alone(host: Any) -> None:
    for line in host.check_output(f"find {FOLDER} -printf '%u %g %m %y %p\\n'").splitlines():
        user, group, mode, kind, path = line.split(" ", 4)
        wanted = ("root", "root", "700" if kind == "d" else "600")
        assert (user, group, mode) == wanted, f"{path} is open to others; {MEND}"


@pytest.mark.on("brokers")
def test_cookie_and_key_are_the_brokers_alone(host: Any) -> None:
    cookie = host.file("/var/lib/rabbitmq/.erlang.cookie")
    assert (cookie.user, cookie.mode) == ("rabbitmq", 0o400), f"the Erlang cookie is open to others; {MEND}"
    key = host.file("/etc/rabbitmq/key.pem")
    if key.exists:
        assert key.mode & 0o007 == 0 and key.group == "rabbitmq", f"{key.path} is open to others; {MEND}"


@pytest.mark.on("brokers", *APP)
def test_no_secret_is_seen_by_other_users_or_kept_in_the_journal(host: Any, remote: Any) -> None:
    places = remote.python(host.machine, (PROGRAMS / "leaks.py").read_text())
    assert not places, f"a secret is in: {', '.join(places)}; {MEND}"


@pytest.mark.on(*APP)
def test_units_get_addresses_as_credentials_only(host: Any, deployment: Any) -> None:
    given = dict(
        line.split() for line in host.check_output("stat -c '%n %a' /run/credentials/warren-*/broker").splitlines()
    )
    for unit, said in show(host, expected(deployment, host.machine, cores(host))).items():
        mode = given.get(f"/run/credentials/{unit}/broker")
        assert mode, f"{unit} gets no address of a broker as a credential; run site.yml"
        assert mode.endswith("0"), f"the credentials of {unit} are open to others; run site.yml"
        assert "://" not in said["Environment"], f"{unit} has an address in its environment; {MEND}"


@pytest.mark.on("brokers")
def test_the_broker_runs_as_itself(host: Any) -> None:
    pid = show(host, [BROKER])[BROKER]["MainPID"]
    owner = host.check_output("ps -o user= -p %s || true", pid if pid != "0" else "1")
    assert owner == "rabbitmq", f"{BROKER} does not run, or as {owner}; run site.yml"
