"""What the playbooks say of an inventory before any host is touched."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]


@pytest.fixture
def judged(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Judges an inventory with variables beside the shipped ones, then shows the workers' way to the broker."""

    def judge(groups: dict[str, Any], **variables: Any) -> subprocess.CompletedProcess[str]:
        book = [
            {
                "hosts": "all",
                "gather_facts": False,
                "tasks": [
                    {"ansible.builtin.import_tasks": str(ROOT / "ansible/tasks/contract.yml")},
                    {"ansible.builtin.debug": {"msg": "{{ app_broker_url_worker }}"}},
                ],
            }
        ]
        hosts = {name: {"hosts": dict.fromkeys(members)} for name, members in groups.items()}
        site = {"all": {"vars": {"ansible_connection": "local"}, "children": hosts}}
        (tmp_path / "ansible").mkdir()
        (tmp_path / "ansible/play.yml").write_text(yaml.safe_dump(book))
        (tmp_path / "mine.yml").write_text(yaml.safe_dump(site))
        (tmp_path / "group_vars/all").mkdir(parents=True)
        for shipped in (ROOT / "inventory/group_vars/all").glob("*.yml"):
            (tmp_path / "group_vars/all" / shipped.name).symlink_to(shipped)
        (tmp_path / "group_vars/all/vault.yml").write_text(yaml.safe_dump(variables))
        (tmp_path / "stack.yml").symlink_to(ROOT / "stack.yml")
        return subprocess.run(
            [Path(sys.executable).with_name("ansible-playbook"), "-i", tmp_path / "mine.yml", "ansible/play.yml"],
            cwd=tmp_path,
            env=os.environ | {"ANSIBLE_LOCALHOST_WARNING": "false"},
            capture_output=True,
            text=True,
            timeout=120,
        )

    return judge


APP = {"workers": ["worker1"], "web": ["web1"], "beat": ["web1"]}


def test_a_rabbitmq_of_your_own_needs_no_host_in_the_group_of_brokers(judged: Any) -> None:
    done = judged(APP, app_broker_hosts=["rabbit.example.org"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "@rabbit.example.org:5671/warren" in done.stdout


def test_no_broker_at_all_is_refused_with_the_variable_that_names_one(judged: Any) -> None:
    done = judged(APP)
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode != 0
    assert "say app_broker_hosts, the addresses of the RabbitMQ to use, in a file of group_vars" in said
