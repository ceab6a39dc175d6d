"""Secrets come from variables or from the files that variables name; an error names the variable and the file."""

from pathlib import Path
from typing import Any

import pytest

from app.broker.url import parse_url
from app.celery_app import create_app
from app.contract import load_contract
from app.settings import Settings, SettingsError

SECRETS = [
    ("celery_backend_url", "result_url", "redis://:pw@h/0"),
    ("flower_basic_auth", "flower_login", "someone:pw"),
    ("warren_token", "tokens", "correct horse"),
]


def settings(**given: Any) -> Settings:
    return Settings(**given, _env_file=None)


@pytest.mark.parametrize(("name", "read", "secret"), SECRETS)
def test_from_a_file_unless_the_variable_is_set(tmp_path: Path, name: str, read: str, secret: str) -> None:
    file = tmp_path / "secret"
    file.write_text(secret + "\n")
    by_file = getattr(settings(**{f"{name}_file": file}), read)
    assert by_file in (secret, (secret,))
    other = getattr(settings(**{f"{name}_file": file, name: f"{secret}2"}), read)
    assert other in (f"{secret}2", (f"{secret}2",))


@pytest.mark.parametrize(("name", "read", "secret"), SECRETS)
@pytest.mark.parametrize(("file", "why"), [("/nowhere", "No such file"), ("/dev/null", "is empty")])
def test_a_useless_file_is_named(name: str, read: str, secret: str, file: str, why: str) -> None:
    with pytest.raises(SettingsError, match=rf"{name.upper()}_FILE: {file}.*{why}"):
        getattr(settings(**{f"{name}_file": file}), read)


def test_secrets_are_not_shown() -> None:
    assert "geheim" not in repr(settings(**{name: f"geheim:{secret}" for name, _, secret in SECRETS}))


def test_a_token_file_may_hold_an_old_token_beside_the_new(tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text("new\n\nold\n")
    assert settings(warren_token_file=tmp_path / "tokens").tokens == ("new", "old")


def test_safety_is_switched_off_by_name_only_and_each_process_warns(caplog: pytest.LogCaptureFixture) -> None:
    stack = load_contract(Path(__file__).parents[2] / "stack.yml")
    address = parse_url("amqp://u:p@h/v", "test")
    safe = create_app(stack, settings(), address).conf
    assert (safe.task_acks_late, safe.broker_transport_options["confirm_publish"]) == (True, True)
    assert not caplog.records
    early = create_app(stack, settings(warren_unsafe="early-ack"), address).conf
    assert (early.task_acks_late, early.broker_transport_options["confirm_publish"]) == (False, True)
    both = create_app(stack, settings(warren_unsafe="no-confirms, early-ack"), address).conf
    assert (both.task_acks_late, both.broker_transport_options["confirm_publish"]) == (False, False)
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert "WARREN_UNSAFE=early-ack,no-confirms: tasks can get lost" in caplog.text


def test_another_word_switches_nothing_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARREN_UNSAFE", "true")
    with pytest.raises(SettingsError, match="WARREN_UNSAFE: Input should be 'early-ack' or 'no-confirms'"):
        Settings.load()
