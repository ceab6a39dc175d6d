"""What an Ansible inventory says of a deployment.

Ansible itself reads it: templates, group_vars and vaults count as they do for the playbooks.
"""

import json
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.contract import Contract, load_contract, parse_contract
from loadtests.commands.check import for_programs

ROOT = Path(__file__).parents[2]
WEB_PORT = 8080  # the web role's default
TIMEOUT = 120.0  # seconds that Ansible may take to read it

# Variables by the names we use for them, asked for in one go. Ansible templates them on this machine; no host is asked.
_CONNECTION = {
    "address": "ansible_host | default(inventory_hostname)",
    "user": "ansible_user | default('')",
    "port": "ansible_port | default('')",
    "key": "ansible_ssh_private_key_file | default('')",
    "options": "ansible_ssh_common_args | default('') ~ ' ' ~ ansible_ssh_extra_args | default('')",
    "groups": "group_names",
}
_DEPLOYMENT = {
    "url": "warren_url | default('')",
    "ca": "warren_url_ca | default('')",
    "token": "secret_web_token | default('')",
    "stack": "stack_text | default('')",
}


class BadInventory(Exception):
    """It cannot be used; the text says what to do."""


@dataclass(frozen=True)
class Machine:
    """One host and the way to it."""

    name: str
    address: str
    groups: tuple[str, ...] = ()
    user: str = ""
    port: str = ""
    key: str = ""
    options: str = ""

    def ssh_options(self) -> list[str]:
        """What Ansible would give to ssh for this host."""
        words = shlex.split(self.options)
        words += ["-o", f"User={self.user}"] if self.user else []
        words += ["-o", f"Port={self.port}"] if self.port else []
        return [*words, *(["-i", self.key] if self.key else [])]

    @property
    def becomes(self) -> bool:
        """Whether root's rights have to be asked for."""
        return self.user not in ("", "root")


@dataclass
class Deployment:
    """One inventory's hosts, front end and contract."""

    inventory: str
    machines: dict[str, Machine]
    url: str
    token: str
    ca: str
    contract: Contract

    def group(self, name: str) -> list[Machine]:
        """Hosts of a group, by name; none when there is no such group."""
        return [machine for machine in self.machines.values() if name in machine.groups]


def read(inventory: str | Path = "") -> Deployment:
    """Empty: the inventory of ansible.cfg. Raises BadInventory or ContractError."""
    if inventory and Path(inventory).exists():
        inventory = Path(inventory).resolve()
    answers = _ask(str(inventory), _CONNECTION | _DEPLOYMENT)
    machines = {
        name: Machine(
            name=name,
            address=said["address"],
            groups=tuple(said["groups"]),
            user=said["user"],
            port=str(said["port"]),
            key=said["key"],
            options=said["options"],
        )
        for name, said in answers.items()
    }
    first: dict[str, Any] = next(iter(answers.values()))
    web = next((machine for machine in machines.values() if "web" in machine.groups), None)
    url = first["url"] or (f"http://{web.address}:{WEB_PORT}" if web else "")
    return Deployment(
        inventory=str(inventory),
        machines=machines,
        url=url.strip().rstrip("/"),
        token=first["token"],
        ca=first["ca"],
        contract=_contract(first["stack"]),
    )


def variables(deployment: Deployment, wanted: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Host to variables, named with their expressions. `stack` may be in them, as playbooks have it."""
    return _ask(deployment.inventory, wanted, {"stack": for_programs(deployment.contract)})


def _contract(text: str) -> Contract:
    """The shipped stack.yml with this inventory's overrides."""
    return parse_contract(text, "stack.yml with stack_overrides") if text else load_contract(ROOT / "stack.yml")


def _ask(inventory: str, variables: dict[str, str], more: dict[str, Any] | None = None) -> dict[str, dict[str, Any]]:
    """Host to variables. `more`: set for all hosts."""
    if inventory and "," not in inventory and not (ROOT / inventory).exists():
        raise BadInventory(f"{inventory}: there is no such inventory")
    program = Path(sys.executable).with_name("ansible")
    if not program.exists():
        raise BadInventory("Ansible is missing; run: make setup-hosts")
    wanted = ", ".join(f"'{name}': {expression}" for name, expression in variables.items())
    environment = os.environ | {
        "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
        "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1",
        # The answer holds secrets, which no log has asked for.
        "ANSIBLE_LOG_PATH": os.devnull,
        "ANSIBLE_DEPRECATION_WARNINGS": "0",
    }
    named = ["-i", inventory] if inventory else []
    command = [str(program), "all", *named, "--playbook-dir", str(ROOT / "ansible"), "-e", json.dumps(more or {})]
    try:
        done = subprocess.run(
            [*command, "-m", "ansible.builtin.debug", "-a", f"msg={{{{ {{ {wanted} }} }}}}"],
            capture_output=True, text=True, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, timeout=TIMEOUT,
        )  # fmt: skip
    except subprocess.TimeoutExpired:  # its text has the whole command, secrets too
        raise BadInventory(
            f"{inventory or 'ansible.cfg'}: Ansible did not read it within {TIMEOUT:g} s; "
            "does it look things up elsewhere (a dynamic inventory, a lookup, a vault)?"
        ) from None
    try:
        plays = json.loads(done.stdout)["plays"]
    except ValueError:
        raise BadInventory(f"{inventory}: Ansible cannot read it:\n{done.stderr.strip() or done.stdout}") from None
    hosts = plays[0]["tasks"][0]["hosts"] if plays and plays[0]["tasks"] else {}
    if not hosts:
        raise BadInventory(f"{inventory or 'ansible.cfg'} names no host\n{done.stderr.strip()}")
    for name, said in hosts.items():
        if said.get("failed"):
            raise BadInventory(f"{inventory}: {name}: {said.get('msg')}")
    return {name: said["msg"] for name, said in hosts.items()}
