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
    folder = host.file(FOLDER)
    assert (folder.user, folder.group, folder.mode) == ("root", "root", 0o700), f"{FOLDER} is open to others; {MEND}"
    for name in folder.listdir():
        file = host.file(f"{FOLDER}/{name}")
        assert (file.user, file.mode) == ("root", 0o600), f"{FOLDER}/{name} is open to others; {MEND}"


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
    for unit in expected(deployment, host.machine, cores(host)):
        given = host.file(f"/run/credentials/{unit}/broker")
        assert given.exists, f"{unit} gets no address of a broker as a credential; run site.yml"
        assert (given.group, given.mode & 0o007) == ("root", 0), f"{given.path} is open to others; run site.yml"
        assert "://" not in show(host, unit)["Environment"], f"{unit} has an address in its environment; {MEND}"


@pytest.mark.on("brokers")
def test_the_broker_runs_as_itself(host: Any) -> None:
    pid = host.check_output("systemctl show %s -p MainPID --value", BROKER)
    assert host.check_output("ps -o user= -p %s", pid) == "rabbitmq", f"{BROKER} runs as someone else; run site.yml"
