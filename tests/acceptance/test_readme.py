"""The README's commands do what it says, in its order. `make bench` and `make test` are what runs this."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = re.compile(r"^\$ (?P<command>.+?)(?:\s{2,}#.*)?$(?:\n(?P<answer>[^$`].*))?", re.MULTILINE)


def test_every_command_of_the_readme_works(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    if pytestconfig.getoption("url", None) or pytestconfig.getoption("target", "local") != "local":
        pytest.skip("the README speaks of a stack on this machine")
    shutil.copy(ROOT / "stack.yml", tmp_path)
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    url = ""

    def run(command: str) -> str:
        command = command.replace("http://127.0.0.1:8080", url).replace(
            "loadtests/locustfile.py", str(ROOT / "loadtests/locustfile.py")
        )
        done = subprocess.run(  # noqa: S602 - as a reader would type it
            command.replace("-t 20s", "-t 4s --drain 5"),
            shell=True,
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    tried = []
    try:
        for found in COMMAND.finditer((ROOT / "README.md").read_text()):
            command, answer = found["command"], found["answer"]
            if command.startswith("make "):
                continue
            said = run(command)
            tried.append(command.split()[0])
            if command == "warren up":
                url = json.loads(run("warren status --json"))["url"]
            if answer:
                assert answer.strip() in said
            if command.startswith("locust"):
                assert "noop → done" in said
    finally:
        subprocess.run(["warren", "down"], cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert {"warren", "curl", "locust"} <= set(tried)
