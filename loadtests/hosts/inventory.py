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

import yaml

from app.contract import Contract, load_contract, parse_contract
from app.loopback import is_loopback
from loadtests.commands.check import for_programs

ROOT = Path(__file__).parents[2]
TIMEOUT = 120.0  # seconds that Ansible may take to read it
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - what a front end may listen on, not what we do
WEB_DEFAULTS = ROOT / "ansible/roles/web/defaults/main.yml"

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
    """One inventory's hosts, front end and contract. `url` is empty where there is no way to the front end, and
    `no_url` says why and what to do."""

    inventory: str
    machines: dict[str, Machine]
    url: str
    token: str
    ca: str
    contract: Contract
    no_url: str = ""

    def group(self, name: str) -> list[Machine]:
        """Hosts of a group, by name; none when there is no such group."""
        return [machine for machine in self.machines.values() if name in machine.groups]


def read(inventory: str | Path = "") -> Deployment:
    """Empty: the inventory of ansible.cfg. Raises BadInventory or ContractError."""
    if inventory and Path(inventory).exists():
        inventory = Path(inventory).resolve()
    answers = _ask(str(inventory), _CONNECTION | _DEPLOYMENT | _listening())
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
    url, no_url = _way_to(answers)
    return Deployment(
        inventory=str(inventory),
        machines=machines,
        url=url.strip().rstrip("/"),
        no_url=no_url,
        token=first["token"],
        ca=_first(answers, "ca"),
        contract=_contract(first["stack"]),
    )


def _listening() -> dict[str, str]:
    """Where the front end listens, as the web role has it."""
    usual = yaml.safe_load(WEB_DEFAULTS.read_text(encoding="utf-8"))
    return {name: f"{name} | default({json.dumps(usual[name])})" for name in ("web_host", "web_port")}


def _way_to(answers: dict[str, dict[str, Any]]) -> tuple[str, str]:
    """URL of the front end, or why there is none."""
    given = _first(answers, "url")
    if given:
        return given, ""
    name, web = next(((name, said) for name, said in answers.items() if "web" in said["groups"]), ("", {}))
    if not web:
        return "", "there is no host in the group `web`: name one, or say warren_url, the front end's address"
    host, port = web["web_host"].strip("[]"), web["web_port"]
    if is_loopback(host) and not is_loopback(web["address"]):
        return "", (
            f"the front end of {name} listens on {host}, for its own machine only: say warren_url in the inventory, "
            "the address of the proxy before it, or web_host: 0.0.0.0 on a network you trust, and run site.yml again; "
            "see docs/hosts.md"
        )
    if host in EVERYWHERE:
        host = web["address"]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}", ""


def _first(answers: dict[str, dict[str, Any]], name: str) -> str:
    """What the first host says that says anything: it may be a variable of the group `web` alone."""
    return next((said[name] for said in answers.values() if said[name]), "")


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
