"""docs/gate.md: its commands have the options it names, its objectives are understood, its pipelines are YAML."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from loadtests.commands.bench import bench
from loadtests.commands.compare import compare
from loadtests.commands.gate import gate
from loadtests.gate.slo import parse

COMMANDS = {"bench": bench, "compare": compare, "gate": gate}


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    return (root / "docs" / "gate.md").read_text(encoding="utf-8")


def test_every_command_has_the_options_it_is_given(page: str):
    lines = re.findall(r"warren (bench|compare|gate) (.*)", re.sub(r"`[^`\n]*`", "", page))
    assert len(lines) >= 10
    for name, words in lines:
        known = {option for parameter in COMMANDS[name].params for option in parameter.opts + parameter.secondary_opts}
        given = {word for word in shlex.split(words, comments=True) if word.startswith("--")}
        assert given <= known, (name, words)


def test_every_objective_is_understood(page: str):
    words = shlex.split(" ".join(re.findall(r"--slo (?:'[^']*'|\S+)", page)))
    written = words[1::2] + re.findall(r"`([\w.]+[<>=]+[\d.]+\S*?)`", page)
    assert len(written) >= 10
    for text in written:
        parse(text)


def pipelines(page: str) -> list[dict]:
    return [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]


def test_the_pipelines_compare_two_checkouts_each_with_its_own_code(page: str):
    """Two contracts would both run on the code of one checkout, and a regression of the code would show nowhere."""
    actions, gitlab = pipelines(page)
    steps = actions["jobs"]["load"]["steps"]
    github = [f"cd {step.get('working-directory', '.')} && {step['run']}" for step in steps if "run" in step]
    for script in ("\n".join(github), "\n".join(gitlab["load"]["script"] + gitlab["load"]["after_script"])):
        then, now = re.findall(r"warren compare http://127\.0\.0\.1:(\d+) http://127\.0\.0\.1:(\d+)", script)[0]
        assert re.search(rf"cd base && \S+/warren up --port {then}", script)
        assert re.search(rf"(?<!cd base && )\.venv/bin/warren up --port {now}", script)
        assert len(re.findall(r"warren down", script)) == 2
        assert "make setup && make -C base setup" in script


def test_the_pipelines_are_yaml(page: str):
    actions, gitlab = pipelines(page)
    assert any("warren gate" in step.get("run", "") for step in actions["jobs"]["load"]["steps"])
    assert any("warren gate" in line for line in gitlab["load"]["script"])
    assert gitlab["load"]["artifacts"]["reports"] == {"junit": "gate.xml"}
