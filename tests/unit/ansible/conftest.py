"""Roles, judged without hosts."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def role_code() -> Callable[[str], ModuleType]:
    """Loads Python that a role brings along, by its path below ansible/roles, as Ansible does."""

    def load(path: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / "ansible/roles" / path)
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs tasks on this machine, with any variables, facts among them, made up."""

    def run(tasks: list[dict[str, Any]], **variables: Any) -> subprocess.CompletedProcess[str]:
        groups = {"brokers": {"hosts": {"broker1": {"ansible_connection": "local"}}}}
        book = [{"hosts": "broker1", "gather_facts": False, "tasks": tasks}]
        (tmp_path / "inventory.yml").write_text(yaml.safe_dump(groups))
        (tmp_path / "play.yml").write_text(yaml.safe_dump(book))
        (tmp_path / "variables.json").write_text(json.dumps(variables))
        return subprocess.run(
            [
                Path(sys.executable).with_name("ansible-playbook"),
                *("-i", tmp_path / "inventory.yml", tmp_path / "play.yml", "-e", f"@{tmp_path / 'variables.json'}"),
            ],
            cwd=ROOT,
            env=os.environ | {"ANSIBLE_LIBRARY": str(ROOT / "ansible/library"), "ANSIBLE_LOCALHOST_WARNING": "false"},
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run
