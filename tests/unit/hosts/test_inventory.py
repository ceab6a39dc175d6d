"""An inventory is read as Ansible reads it."""

from pathlib import Path

import pytest

from app.contract import ContractError
from loadtests.hosts.inventory import BadInventory, Machine, read

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
