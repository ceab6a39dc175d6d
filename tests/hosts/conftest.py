"""Checks of a deployment as it runs. They change nothing but send a few tasks.

    pytest tests/hosts                                                       the inventory of ansible.cfg
    pytest tests/hosts --ansible-inventory inventory/cluster.yml             another one
    pytest tests/hosts --hosts='ansible://workers?ansible_inventory=inventory/cluster.yml'     one group of it
    pytest tests/hosts --hosts=ssh://worker1,ssh://worker2                   some hosts of the inventory

Each test runs on every host of the groups it names. What is expected follows from the inventory, the roles' defaults
and stack.yml, so nothing has to be told twice.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import testinfra
import yaml

from app.contract import ContractError
from loadtests.hosts.inventory import BadInventory, Deployment, Machine, read, variables
from loadtests.hosts.remote import Remote

from ..front_end import FrontEnd

ROLES = Path(__file__).parents[2] / "ansible/roles"
# Variables that the checks need, by the role whose default they have.
WANTED = {
    "web": ("web_host", "web_port"),
    "flower": ("flower_host", "flower_port"),
    "rabbitmq": (
        "rabbitmq_tls_port",
        "rabbitmq_distribution_port",
        "rabbitmq_management_tls_port",
        "rabbitmq_file_limit",
    ),
    "release": ("release_home", "release_user"),
}
OTHERS = {
    "users": "rabbitmq_users | default([]) | map(attribute='name') | list",
    "results_port": "results_port | default(0)",
}
SUPPORTED = ("ansible", "ssh", "paramiko", "safe-ssh")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "on(*groups): the test runs on each host of these groups; without: on every host"
    )
    if not config.option.help:
        selected(config)  # a wrong inventory is said once, before tests are looked for


def defaults() -> dict[str, str]:
    """Expressions of Ansible's for what the checks need to know."""
    found = dict(OTHERS)
    for role, names in WANTED.items():
        values = yaml.safe_load((ROLES / role / "defaults/main.yml").read_text())
        found |= {name: f"{name} | default({json.dumps(values[name])})" for name in names}
    return found


def deployment_of(config: pytest.Config) -> Deployment:
    """Asked for once; a failure too."""
    if not hasattr(config, "warren_deployment"):
        inventory = config.getoption("--ansible-inventory") or ""
        for spec in (config.getoption("--hosts") or "").split(","):
            inventory = parse_qs(urlsplit(spec).query).get("ansible_inventory", [inventory])[0]
        try:
            config.warren_deployment = read(inventory)  # type: ignore[attr-defined]
        except (BadInventory, ContractError) as error:
            raise pytest.UsageError(str(error)) from error
    return config.warren_deployment  # type: ignore[attr-defined, no-any-return]


def selected(config: pytest.Config) -> list[Machine]:
    """Hosts of the inventory that --hosts names."""
    deployment = deployment_of(config)
    specs = [spec for spec in (config.getoption("--hosts") or "ansible://all").split(",") if spec]
    found: list[Machine] = []
    for spec in specs:
        parts = urlsplit(spec if "://" in spec else f"ssh://{spec}")
        name = parts.hostname or ""
        machines = [m for m in deployment.machines.values() if name in ("all", m.name, m.address) or name in m.groups]
        if parts.scheme not in SUPPORTED or not machines:
            there = ", ".join(deployment.machines)
            raise pytest.UsageError(f"--hosts {spec}: none of the inventory's hosts ({there}), or none of {SUPPORTED}")
        found += [machine for machine in machines if machine not in found]
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "host" not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker("on")
    groups = set(marker.args) if marker else None
    machines = [m for m in selected(metafunc.config) if groups is None or groups & set(m.groups)]
    metafunc.parametrize("host", machines, ids=[m.name for m in machines], indirect=True, scope="session")


@pytest.fixture(scope="session")
def deployment(request: pytest.FixtureRequest) -> Deployment:
    """The inventory and its contract."""
    return deployment_of(request.config)


@pytest.fixture(scope="session")
def facts(deployment: Deployment) -> dict[str, dict[str, Any]]:
    """What is set for each host, or its role's default."""
    return variables(deployment, defaults())


@pytest.fixture(scope="session")
def remote() -> Iterator[Remote]:
    """Connections that are kept for all tests."""
    with Remote() as kept:
        yield kept


@pytest.fixture(scope="session")
def host(request: pytest.FixtureRequest, remote: Remote, facts: dict[str, dict[str, Any]]) -> Any:
    """testinfra's host; `host.machine` and `host.facts` are what the inventory says of it."""
    machine: Machine = request.param
    return connect(remote, machine, facts[machine.name])


@pytest.fixture(scope="session")
def everyone(remote: Remote, deployment: Deployment, facts: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """All hosts, whatever --hosts says: for what concerns the deployment as a whole."""
    return {name: connect(remote, machine, facts[name]) for name, machine in deployment.machines.items()}


def connect(remote: Remote, machine: Machine, facts: dict[str, Any]) -> Any:
    options = " ".join(remote.options(machine))
    backend = testinfra.get_host(f"ssh://{machine.address}", ssh_extra_args=options, sudo=machine.becomes)
    backend.machine, backend.facts = machine, facts
    try:
        answer = backend.run("true")
    except RuntimeError as error:
        pytest.fail(f"{machine.name} cannot be reached by ssh as the inventory says: {error}", pytrace=False)
    if answer.rc:
        pytest.fail(f"{machine.name}: nothing can be run there as root: {answer.stderr}", pytrace=False)
    return backend


@pytest.fixture(scope="session")
def front(deployment: Deployment) -> FrontEnd:
    """The front end, with the inventory's token."""
    if not deployment.url:
        pytest.fail(deployment.no_url, pytrace=False)
    front = FrontEnd(deployment.url)
    front.verify = deployment.ca or True
    front.headers["Authorization"] = f"Bearer {deployment.token}"
    if not front.is_up():
        pytest.fail(
            f"{front.url} does not answer; journalctl -u warren-web, or is warren_url another one?", pytrace=False
        )
    if front.get("/queues").status_code == 401:
        pytest.fail(f"{front.url} refuses the inventory's secret_web_token; run site.yml, or is it another stack's?")
    return front
