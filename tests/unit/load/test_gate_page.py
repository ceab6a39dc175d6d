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


def test_the_pipelines_are_yaml(page: str):
    actions, gitlab = (yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL))
    assert any("warren gate" in step.get("run", "") for step in actions["jobs"]["load"]["steps"])
    assert any("warren gate" in line for line in gitlab["load"]["script"])
    assert gitlab["load"]["artifacts"]["reports"] == {"junit": "gate.xml"}
