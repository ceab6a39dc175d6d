"""The commands of docs/marketplace.md, as they stand there, up to those of the platform."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

from loadtests.local.ports import free_ports

from .foundation import ROOT, Foundation, marketplace


def test_the_commands_of_the_page(broker: SimpleNamespace, tmp_path: Path) -> None:
    page = (ROOT / "docs/marketplace.md").read_text()
    (port,) = free_ports(1)
    (settings,) = re.findall(r"```ini\n(.*?)```", page, re.DOTALL)
    settings = settings.replace("http://127.0.0.1:15672", broker.plain).replace("/etc/rabbitmq/ca.pem", broker.ca)
    (tmp_path / ".env").write_text(settings)
    # The page's rabbitmqctl is on a broker's host and needs no address.
    files = broker.node.files
    tool = f'#!/bin/sh\nexec {files.program.script("rabbitmqctl")} --node {files.node_name} "$@"\n'
    (tmp_path / "rabbitmqctl").write_text(tool)
    (tmp_path / "rabbitmqctl").chmod(0o755)
    environment = files.environment() | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}

    def run(command: str) -> str:
        done = subprocess.run(  # noqa: S602 - as a reader would type it
            command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    commands = re.findall(r"^\$ (.+?)(?: {2,}#.*)?$", page, re.MULTILINE)
    start = commands.index("python -m app marketplace")
    for command in commands[:start]:
        run(command)
        secrets = [file for file in tmp_path.iterdir() if file.name in ("api-password", "api-login", "login", "key")]
        assert not [file.name for file in secrets if file.stat().st_mode & 0o077], f"for others to read after {command}"
    assert {file.name for file in tmp_path.iterdir()} >= {"api-login", "login", "key"}
    assert "password" not in " ".join(file.name for file in tmp_path.iterdir())
    env = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    with marketplace(tmp_path, env | {"WARREN_MARKETPLACE_PORT": str(port)}) as url:
        catalog = json.loads(run(commands[start + 1].replace("http://127.0.0.1:8090", url)))
        platform = Foundation(url)
        platform.session.auth = tuple((tmp_path / "login").read_text().strip().split(":"))
        *_, credentials = platform.bound()
    assert [urlsplit(uri).hostname for uri in credentials["uris"]] == [f"broker{i}.example" for i in (1, 2, 3)]
    assert [plan["name"] for plan in catalog["services"][0]["plans"]] == re.findall(
        r"^\| `(\w+)` \| \d+", page, re.MULTILINE
    )
