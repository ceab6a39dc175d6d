"""No secret is where somebody could come across it."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from .conftest import ROOT

SECRETS = ROOT / "inventory/secrets/lab"


@pytest.fixture
def secrets(site: Any) -> dict[str, str]:
    """Name → value of everything the playbooks made up for this inventory."""
    found = {path.name: path.read_text().strip() for path in SECRETS.iterdir() if path.is_file()}
    values = {name: value for name, value in found.items() if len(value) >= 16 and "CERTIFICATE" not in value}
    assert len(values) >= 8, found.keys()
    return values


def assert_none(secrets: dict[str, str], text: str, where: str) -> None:
    shown = [name for name, value in secrets.items() if value in text]
    assert not shown, f"{where} shows {', '.join(shown)}"


def test_none_in_process_lists_environments_or_journals(site: Any, secrets: dict[str, str]) -> None:
    for host in site.hosts:
        assert_none(secrets, site.on(host, "ps -eo args --no-headers"), f"ps on {host}")
        assert_none(secrets, site.on(host, "journalctl --no-pager --output=cat --boot"), f"the journal of {host}")
        environments = "cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'"
        assert_none(secrets, site.on(host, environments), f"an environment on {host}")
        units = site.on(host, "systemctl show --property=Environment,ExecStart 'warren-*' rabbitmq-server")
        assert_none(secrets, units, f"systemctl show on {host}")


def test_none_in_a_file_that_others_can_read(site: Any, secrets: dict[str, str]) -> None:
    # The values go in by standard input, or the search would find its own command line.
    search = "grep -rlsFI -D skip -f - /etc /opt/warren /var/lib /var/log /var/cache /run /tmp /var/tmp"
    readable = 'while read -r file; do setpriv --reuid=nobody --clear-groups test -r "$file" && echo "$file"; done'
    for host in site.hosts:
        done = subprocess.run(
            ["ssh", "-F", str(site.lab.ssh_config), host, f"{search} | {readable}; true"],
            input="\n".join(secrets.values()) + "\n",
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.stdout == "", f"on {host} everybody can read a secret in:\n{done.stdout}"


def test_none_in_what_ansible_says_or_keeps(site: Any, secrets: dict[str, str], tmp_path: Path) -> None:
    said = subprocess.run(
        [*site.command("site.yml"), "-vvv", "--diff", "--check"],
        cwd=ROOT,
        env=os.environ | {"ANSIBLE_CACHE_PLUGIN": "jsonfile", "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )
    assert said.returncode == 0, said.stdout[-3000:]
    assert_none(secrets, said.stdout, "ansible-playbook -vvv")
    for kept in tmp_path.iterdir():
        assert_none(secrets, kept.read_text(), f"the facts cache ({kept.name})")


def test_the_generated_ones_are_kept_out_of_the_repository(secrets: dict[str, str]) -> None:
    asked = subprocess.run(["git", "check-ignore", str(SECRETS)], cwd=ROOT, capture_output=True)
    assert asked.returncode == 0
    assert oct(SECRETS.stat().st_mode & 0o077) == "0o0", f"{SECRETS} can be read by others"


def test_rotating_changes_all_logins_without_an_outage(site: Any, secrets: dict[str, str]) -> None:
    site.play("rotate_secrets.yml")
    site.ready()
    token = site.where.token
    assert token not in secrets.values(), "the front end's token is still the old one"
    assert site.front().get("/longtime_add?x=2&y=3").json() == 5
    assert site.play("site.yml").total("changed") == 0
