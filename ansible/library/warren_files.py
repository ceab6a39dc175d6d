#!/usr/bin/python
"""Brings several small files of a host to what they should be, in one round trip.

`ansible.builtin.template` needs two or three for each file; with a dozen files a host that is most of a run's time.
"""

import os
import shutil
import stat
import tempfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.text.converters import to_bytes, to_text

DOCUMENTATION = r"""
module: warren_files
short_description: Several small files, links and folders in one round trip
description:
  - Writes files whole or not at all, owned by root unless said otherwise, and reports what differs.
  - Makes the folders that files are in.
options:
  files:
    description: What should be there, in this order.
    type: list
    elements: dict
    required: true
    suboptions:
      path: {description: Where., type: path, required: true}
      content: {description: "A file's content.", type: str}
      secret: {description: "The same, never shown and never in a diff. One line; Ansible logs several.", type: str}
      secrets: {description: "Several of these, a line each.", type: list, elements: str}
      state: {description: What it is., type: str, choices: [file, directory, absent], default: file}
      mode: {description: "Octal, in quotes.", type: str}
      owner: {description: "The user, for folders and files.", type: str, default: root}
      group: {description: "The group, for folders and files.", type: str, default: root}
  secret:
    description: Never show content, not even in a diff.
    type: bool
    default: false
author: Warren
"""
EXAMPLES = r"""
- name: Settings
  warren_files:
    files:
      - {path: /etc/warren, state: directory}
      - {path: /etc/warren/web.env, content: "{{ lookup('ansible.builtin.template', 'web.env.j2') }}"}
"""
RETURN = r"""
changed_files: {description: What was or would be changed., type: list, returned: always}
"""

OPTIONS = {
    "path": {"type": "path", "required": True},
    "content": {"type": "str"},
    "secret": {"type": "str", "no_log": True},
    "secrets": {"type": "list", "elements": "str", "no_log": True},
    "state": {"type": "str", "choices": ["file", "directory", "absent"], "default": "file"},
    "mode": {"type": "str"},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
}
MODES = {"file": "0644", "directory": "0755"}


def main():
    module = AnsibleModule(
        argument_spec={
            "files": {"type": "list", "elements": "dict", "required": True, "options": OPTIONS},
            "secret": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    diffs = [diff for wanted in module.params["files"] if (diff := settle(module, wanted))]
    module.exit_json(changed=bool(diffs), changed_files=[diff["before_header"] for diff in diffs], diff=diffs)


def settle(module, wanted):
    """Make one thing what it should be; returns the difference there was, or None."""
    path, state = wanted["path"], wanted["state"]
    before = look(path)
    diff = {"before_header": path, "after_header": path, "before": f"{before}\n", "after": f"{state}\n"}
    if state == "absent":
        if before == "absent":
            return None
        if not module.check_mode:
            shutil.rmtree(path) if before == "directory" else Path(path).unlink()
        return diff
    if before not in (state, "absent"):
        module.fail_json(msg=f"{path} is a {before}, and should be a {state}; remove it")
    changed = state == "directory" and before == "absent"
    if changed and not module.check_mode:
        Path(path).mkdir(parents=True)
    if state == "file":
        changed = write(module, wanted, before, diff)
    if before == "absent" and module.check_mode:
        return diff
    attributes = dict(wanted, mode=wanted["mode"] or MODES[state], path=path, secontext=[], attributes=None)
    rights = {}
    if module.set_fs_attributes_if_different(attributes, False, diff=rights) and not changed:
        changed, diff["before"], diff["after"] = True, f"{rights['before']}\n", f"{rights['after']}\n"
    return diff if changed else None


def write(module, wanted, before, diff):
    """Give a file its content; returns whether it had another."""
    secret = wanted["secret"] if wanted["secrets"] is None else "\n".join(wanted["secrets"])
    path, hidden = wanted["path"], module.params["secret"] or secret is not None
    content = to_bytes((wanted["content"] if secret is None else secret) or "")
    old = b""
    if before == "file":
        old = Path(path).read_bytes()
        if old == content:
            return False
    if not hidden:
        diff.update(before=to_text(old, errors="replace"), after=to_text(content, errors="replace"))
    if not module.check_mode:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=module.tmpdir)  # for root's eyes only, until it has its mode
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(draft).chmod(int(wanted["mode"] or MODES["file"], 8))
        module.atomic_move(draft, path)
    return True


def look(path):
    """What is at that path: absent, file, directory, link or other."""
    try:
        mode = Path(path).lstat().st_mode
    except OSError:
        return "absent"
    kinds = ((stat.S_ISREG, "file"), (stat.S_ISDIR, "directory"), (stat.S_ISLNK, "link"))
    return next((name for test, name in kinds if test(mode)), "other")


if __name__ == "__main__":
    main()
