#!/usr/bin/python
"""Bring a RabbitMQ cluster's users, vhosts, rights, policies and parameters to a wanted state, in one question and one
answer: RabbitMQ's own export and import of definitions. A module for each object would start rabbitmqctl some thirty
times, a second each."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import json
import os
import pwd
import shutil
import tempfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: rabbitmq_definitions
short_description: Bring users, vhosts, permissions, policies, limits and parameters to a wanted state
description:
  - Reads what is there with C(rabbitmqctl export_definitions), imports only what differs, reads again to be sure.
  - Objects that are not named are left alone, except the rights of a named user, which become exactly those given.
options:
  vhosts: {type: list, elements: dict, default: []}
  users: {type: list, elements: dict, default: []}
  policies: {type: list, elements: dict, default: []}
  operator_policies: {type: list, elements: dict, default: []}
  parameters: {type: list, elements: dict, default: []}
  global_parameters: {type: dict, default: {}}
  absent: {type: dict, default: {}}
author: [Warren]
"""

EXAMPLES = r"""
- name: A vhost and a user who may do everything in it
  rabbitmq_definitions:
    vhosts: [{name: shop}]
    users: [{name: web, password: secret, permissions: [{vhost: shop, configure: '.*', write: '.*', read: '.*'}]}]
    absent: {users: [guest]}
"""

RETURN = r"""
changes:
  description: What was (or in check mode would be) changed, in words without secrets.
  type: list
  returned: always
"""

# Seconds for one command of RabbitMQ's.
PATIENCE = "120"
RIGHTS = ("configure", "write", "read")
HASHES = {"rabbit_password_hashing_sha256": hashlib.sha256, "rabbit_password_hashing_sha512": hashlib.sha512}


def password_fits(user: dict, password: str) -> bool:
    """Whether a stored hash (four bytes of salt, then the hash, in base64) was made from this password."""
    make = HASHES.get(user.get("hashing_algorithm", "rabbit_password_hashing_sha256"))
    try:
        stored = base64.b64decode(user.get("password_hash") or "")
    except binascii.Error:
        return False
    return bool(make and len(stored) > 4 and make(stored[:4] + password.encode()).digest() == stored[4:])


def password_hash(password: str) -> str:
    salt = os.urandom(4)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def tags_of(user: dict) -> list:
    tags = user.get("tags") or []
    return sorted(tag.strip() for tag in tags.split(",") if tag.strip()) if isinstance(tags, str) else sorted(tags)


class Difference:
    """What has to be imported, what has to be run, and both in words."""

    def __init__(self) -> None:
        self.to_import: dict[str, list] = {}
        self.commands: list[list[str]] = []
        self.changes: list[str] = []

    def put(self, kind: str, entry: dict, words: str) -> None:
        self.to_import.setdefault(kind, []).append(entry)
        self.changes.append(words)

    def run(self, command: list[str], words: str) -> None:
        self.commands.append(command)
        self.changes.append(words)


def difference(wanted: dict, there: dict) -> Difference:
    """From what there is to what is wanted."""
    found = Difference()
    _vhosts(wanted, there, found)
    _users(wanted, there, found)
    _policies(wanted, there, found)
    _parameters(wanted, there, found)
    _absent(wanted, there, found)
    return found


def _vhosts(wanted: dict, there: dict, found: Difference) -> None:
    existing = {entry["name"]: entry for entry in there.get("vhosts", [])}
    for vhost in wanted["vhosts"]:
        old = existing.get(vhost["name"])
        known = {**(old or {}), **((old or {}).get("metadata") or {})}
        settings = {key: vhost[key] for key in ("description", "tags", "default_queue_type") if key in vhost}
        if old is None or any(known.get(key) != value for key, value in settings.items()):
            entry = {"name": vhost["name"], **settings, "metadata": settings}
            found.put("vhosts", entry, f"vhost {vhost['name']}")
        limits = vhost.get("limits", {})
        if limits and _limits_of(old) != limits:
            command = ["set_vhost_limits", "-p", vhost["name"], json.dumps(limits)]
            found.run(command, f"limits of vhost {vhost['name']}")


def _limits_of(vhost: dict | None) -> dict:
    # An object in some versions, a list of pairs in others.
    return dict((vhost or {}).get("limits") or {})


def _users(wanted: dict, there: dict, found: Difference) -> None:
    existing = {entry["name"]: entry for entry in there.get("users", [])}
    for user in wanted["users"]:
        name, old = user["name"], existing.get(user["name"])
        if not old or tags_of(old) != tags_of(user) or not password_fits(old, user["password"]):
            entry = {
                "name": name,
                "password_hash": password_hash(user["password"]),
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": tags_of(user),
                "limits": (old or {}).get("limits") or {},
            }
            found.put("users", entry, f"user {name}")
        limits = user.get("limits", {})
        if limits and ((old or {}).get("limits") or {}) != limits:
            found.run(["set_user_limits", name, json.dumps(limits)], f"limits of user {name}")
        _permissions(name, user, there, found)
        _topic_permissions(name, user, there, found)


def _permissions(name: str, user: dict, there: dict, found: Difference) -> None:
    existing = {entry["vhost"]: entry for entry in there.get("permissions", []) if entry["user"] == name}
    for entry in user.get("permissions", []):
        rights = {right: entry[right] for right in RIGHTS}
        old = existing.pop(entry["vhost"], None)
        if old is None or {right: old[right] for right in RIGHTS} != rights:
            full = {"user": name, "vhost": entry["vhost"], **rights}
            found.put("permissions", full, f"permissions of {name} in {entry['vhost']}")
    for vhost in existing:
        found.run(["clear_permissions", "-p", vhost, name], f"no permissions of {name} in {vhost}")


def _topic_permissions(name: str, user: dict, there: dict, found: Difference) -> None:
    existing = {
        (entry["vhost"], entry["exchange"]): entry
        for entry in there.get("topic_permissions", [])
        if entry["user"] == name
    }
    for entry in user.get("topic_permissions", []):
        rights = {right: entry[right] for right in ("write", "read")}
        old = existing.pop((entry["vhost"], entry["exchange"]), None)
        if old is None or {right: old[right] for right in ("write", "read")} != rights:
            full = {"user": name, "vhost": entry["vhost"], "exchange": entry["exchange"], **rights}
            found.put("topic_permissions", full, f"topic permissions of {name} on {entry['exchange']}")
    for vhost, exchange in existing:
        words = f"no topic permissions of {name} on {exchange}"
        found.run(["clear_topic_permissions", "-p", vhost, name, exchange], words)


def _policies(wanted: dict, there: dict, found: Difference) -> None:
    existing = {(entry["vhost"], entry["name"]): entry for entry in there.get("policies", [])}
    for policy in wanted["policies"]:
        entry = {"apply-to": "all", "priority": 0, **policy}
        if existing.get((entry["vhost"], entry["name"])) != entry:
            found.put("policies", entry, f"policy {entry['name']} in {entry['vhost']}")
    for policy in wanted["operator_policies"]:
        value = {"apply-to": "all", "priority": 0, **policy}
        vhost, name = value.pop("vhost"), value.pop("name")
        old = _parameter(there, "operator_policy", vhost, name)
        if not old or {"apply-to": "all", "priority": 0, **old["value"]} != value:
            entry = {"component": "operator_policy", "vhost": vhost, "name": name, "value": value}
            found.put("parameters", entry, f"operator policy {name} in {vhost}")


def _parameters(wanted: dict, there: dict, found: Difference) -> None:
    for entry in wanted["parameters"]:
        old = _parameter(there, entry["component"], entry["vhost"], entry["name"])
        if not old or old["value"] != entry["value"]:
            found.put("parameters", entry, f"parameter {entry['component']} {entry['name']}")
    existing = {entry["name"]: entry["value"] for entry in there.get("global_parameters", [])}
    for name, value in wanted["global_parameters"].items():
        if existing.get(name) != value:
            found.put("global_parameters", {"name": name, "value": value}, f"global parameter {name}")


def _parameter(there: dict, component: str, vhost: str, name: str) -> dict | None:
    for entry in there.get("parameters", []):
        if (entry["component"], entry["vhost"], entry["name"]) == (component, vhost, name):
            return entry
    return None


def _absent(wanted: dict, there: dict, found: Difference) -> None:
    absent = wanted["absent"]
    users = {entry["name"] for entry in there.get("users", [])}
    for name in absent.get("users") or []:
        if name in users:
            found.run(["delete_user", name], f"no user {name}")
    policies = {(entry["vhost"], entry["name"]) for entry in there.get("policies", [])}
    for policy in absent.get("policies") or []:
        if (policy["vhost"], policy["name"]) in policies:
            found.run(["clear_policy", "-p", policy["vhost"], policy["name"]], f"no policy {policy['name']}")
    for policy in absent.get("operator_policies") or []:
        if _parameter(there, "operator_policy", policy["vhost"], policy["name"]):
            command = ["clear_operator_policy", "-p", policy["vhost"], policy["name"]]
            found.run(command, f"no operator policy {policy['name']}")


@contextlib.contextmanager
def handed_over(definitions: dict):
    """A file that only RabbitMQ's user can read: rabbitmqctl runs as that user, and hangs when it is to read a pipe."""
    home = pwd.getpwnam("rabbitmq")
    handle, path = tempfile.mkstemp(dir=home.pw_dir, prefix=".definitions-")
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(definitions, file)
        shutil.chown(path, home.pw_uid, home.pw_gid)
        yield path
    finally:
        Path(path).unlink()


def main() -> None:
    lists = ("vhosts", "users", "policies", "operator_policies", "parameters")
    module = AnsibleModule(
        argument_spec={
            **{name: {"type": "list", "elements": "dict", "default": [], "no_log": name == "users"} for name in lists},
            "global_parameters": {"type": "dict", "default": {}},
            "absent": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    rabbitmqctl = module.get_bin_path("rabbitmqctl")
    if rabbitmqctl is None:
        if module.check_mode:  # a fresh host: there is nothing yet, so all of it would be made
            module.exit_json(changed=True, changes=difference(module.params, {}).changes)
        module.fail_json(msg="rabbitmqctl was not found: is RabbitMQ installed?")

    def run(*arguments: str) -> str:
        code, out, err = module.run_command([rabbitmqctl, "--quiet", "--timeout", PATIENCE, *arguments])
        if code:
            module.fail_json(msg=f"rabbitmqctl {arguments[0]} failed: {(err or out).strip()[-2000:]}")
        return out

    def look() -> Difference:
        text = run("export_definitions", "-", "--format", "json")
        return difference(module.params, json.loads(text[text.index("{") :]))

    found = look()
    if found.changes and not module.check_mode:
        if found.to_import:
            with handed_over(found.to_import) as path:
                run("import_definitions", path, "--format", "json")
        for command in found.commands:
            run(*command)
        if left := look().changes:
            module.fail_json(msg=f"RabbitMQ took the definitions but does not have them: {', '.join(left)}")
    module.exit_json(
        changed=bool(found.changes),
        changes=found.changes,
        diff={"before": "", "after": "".join(f"{words}\n" for words in found.changes)},
    )


if __name__ == "__main__":
    main()
