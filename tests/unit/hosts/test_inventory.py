"""An inventory is read as Ansible reads it."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from app.contract import ContractError
from loadtests.cli import main
from loadtests.hosts.inventory import BadInventory, Machine, read

OPEN = "{web_host: 0.0.0.0}"
INVENTORY = """
all:
  vars:
    site: example.org
    ansible_user: operator
    ansible_port: 2222
    secret_web_token: "{{ 'to' ~ 'ken' }}"
    stack_text: "{{ lookup('ansible.builtin.file', STACK) | from_yaml | combine(overrides, recursive=true) | to_yaml }}"
    overrides: {broker: {nodes: 3, replicas: 3}}
  children:
    brokers:
      hosts: {"mq[1:3]": {}}
    web:
      vars: {web_host: 0.0.0.0}
      hosts:
        front:
          ansible_host: "front.{{ site }}"
          ansible_ssh_common_args: "-J 'gate keeper'"
"""


def inventory(folder: Path, text: str, root: Path) -> Path:
    file = folder / "hosts.yml"
    file.write_text(text.replace("STACK", f"'{root / 'stack.yml'}'"))
    return file


def test_names_groups_ways_in_and_the_merged_contract(tmp_path: Path, root: Path) -> None:
    found = read(inventory(tmp_path, INVENTORY, root))
    assert [machine.name for machine in found.group("brokers")] == ["mq1", "mq2", "mq3"]
    front = found.machines["front"]
    assert front == Machine("front", "front.example.org", ("web",), user="operator", port="2222", options=front.options)
    assert front.ssh_options() == ["-J", "gate keeper", "-o", "User=operator", "-o", "Port=2222"]
    assert front.becomes
    assert (found.url, found.token) == ("http://front.example.org:8080", "token")
    assert (found.contract.broker.nodes, found.contract.stop.timeout) == (3, 120)


def test_an_address_of_the_front_end_can_be_given(tmp_path: Path, root: Path) -> None:
    text = INVENTORY.replace("site:", "warren_url: https://tasks.example.org/\n    site:")
    assert read(inventory(tmp_path, text, root)).url == "https://tasks.example.org"


@pytest.mark.parametrize(
    ("listening", "url"),
    [
        ("{web_host: 0.0.0.0, web_port: 80}", "http://front.example.org:80"),
        ("{web_host: 10.0.0.7}", "http://10.0.0.7:8080"),
        ("{web_host: 'fd00::7'}", "http://[fd00::7]:8080"),
    ],
    ids=["everywhere, at another port", "at one address", "at an IPv6 address"],
)
def test_the_front_end_is_looked_for_where_it_listens(tmp_path: Path, root: Path, listening: str, url: str) -> None:
    assert read(inventory(tmp_path, INVENTORY.replace(OPEN, listening), root)).url == url


def test_a_front_end_on_loopback_needs_the_address_of_what_is_before_it(tmp_path: Path, root: Path) -> None:
    file = inventory(tmp_path, INVENTORY.replace(OPEN, "{}"), root)
    done = CliRunner().invoke(main, ["bench", "--short", "--target", "hosts", "--inventory", str(file)])
    assert done.exit_code == 2
    said = " ".join(done.output.split())
    assert "front listens on 127.0.0.1" in said and "say warren_url" in said and "web_host: 0.0.0.0" in said
    # On this very machine loopback is a way to it.
    here = INVENTORY.replace(OPEN, "{}").replace("front.{{ site }}", "127.0.0.1")
    assert read(inventory(tmp_path, here, root)).url == "http://127.0.0.1:8080"


def test_the_address_may_stand_with_the_group_that_has_it(tmp_path: Path, root: Path) -> None:
    given = "{warren_url: https://tasks.example.org, warren_url_ca: /etc/ca.pem}"
    found = read(inventory(tmp_path, INVENTORY.replace(OPEN, given), root))
    assert (found.url, found.ca) == ("https://tasks.example.org", "/etc/ca.pem")


def test_overrides_that_cannot_work_are_refused(tmp_path: Path, root: Path) -> None:
    with pytest.raises(ContractError, match="replicas"):
        read(inventory(tmp_path, INVENTORY.replace("replicas: 3", "replicas: 2"), root))


def test_what_cannot_be_read_is_said(tmp_path: Path, root: Path) -> None:
    with pytest.raises(BadInventory, match="there is no such inventory"):
        read(tmp_path / "none.yml")
    with pytest.raises(BadInventory, match="nowhere_to_be_found"):
        read(inventory(tmp_path, INVENTORY.replace("{{ site }}", "{{ nowhere_to_be_found }}"), root))
    with pytest.raises(BadInventory, match="names no host"):
        read(inventory(tmp_path, "all: {hosts: {}}", root))


def test_an_inventory_that_takes_too_long_is_said(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadtests.hosts.inventory.TIMEOUT", 0.01)
    with pytest.raises(BadInventory, match="Ansible did not read it within"):
        read(inventory(tmp_path, INVENTORY, root))
