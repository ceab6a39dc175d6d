"""The manifest, and what must not stand in it."""

import json

from loadtests.analysis.manifest import broker_facts, manifest
from loadtests.generator.meta import without_secrets


def test_passwords_on_the_command_line_are_left_out():
    line = ["warren", "bench", "--token", "geheim", "--broker=amqp://u:geheim@h/", "--rate", "5", "--token=geheim"]
    line[2:2] = ["--result-store", "redis://:geheim@h/0"]
    shown = without_secrets(line)
    assert "geheim" not in " ".join(shown)
    assert shown[-2:] == ["5", "--token=…"]


def test_a_manifest_says_under_which_circumstances():
    made = manifest({"version": 1}, {"target": "local"}, ["warren", "bench"])
    assert {"command", "git", "stack", "contract", "versions", "host", "clocks"} <= set(made)
    assert made["versions"]["celery"]
    assert made["host"]["cores"] >= 1
    json.dumps(made)


def test_versions_come_from_the_broker_itself():
    said = {"product": "RabbitMQ", "version": "3.10.8", "platform": "Erlang/OTP 25.2.3"}
    assert broker_facts(said) == {"product": "RabbitMQ", "version": "3.10.8", "erlang": "25.2.3"}
