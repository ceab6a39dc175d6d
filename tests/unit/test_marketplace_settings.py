"""What the marketplace broker is told wrongly ends its start with every variable's name and what to write there."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml

from app import wsgi
from app.marketplace.plans import SHIPPED, load_offering
from app.marketplace.settings import PREFIX, MarketplaceSettings
from app.settings import SettingsError

KEY = "0123456789abcdef" * 4


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Settings that work; a test spoils one."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("PORT", raising=False)
    monkeypatch.chdir(tmp_path)
    for name, text in {"login": "u:p\nformer:p2", "key": KEY, "api-login": "admin:geheim", "ca": "PEM"}.items():
        (tmp_path / name).write_text(text + "\n")
    return {
        "LOGIN_FILE": str(tmp_path / "login"),
        "KEY_FILE": str(tmp_path / "key"),
        "API": "https://broker1:15671, https://broker2:15671/",
        "API_LOGIN_FILE": str(tmp_path / "api-login"),
        "BROKERS": "amqps://broker1 amqps://broker2:5673",
        "CA": str(tmp_path / "ca"),
    }


def load(given: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> MarketplaceSettings:
    for name, value in given.items():
        monkeypatch.setenv(PREFIX + name, value)
    return MarketplaceSettings.load()


def test_what_is_well_told(given: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(given, monkeypatch)
    assert settings.api_addresses == ("https://broker1:15671", "https://broker2:15671")
    assert settings.address.hosts == (("broker1", 5671), ("broker2", 5673))
    assert settings.logins == (("u", "p"), ("former", "p2"))
    assert [plan.name for plan in settings.offering.plans] == ["small", "large"]
    assert "geheim" not in repr(settings)


@pytest.mark.parametrize(
    ("variable", "value", "why"),
    [
        ("LOGIN_FILE", "", "not set; it says a file with user:password"),
        ("LOGIN_FILE", "/nowhere", "No such file"),
        ("API_LOGIN_FILE", "key", "must hold user:password"),
        ("KEY_FILE", "login", "openssl rand -hex 32"),
        ("API", "", "such as https://broker1:15671"),
        ("API", "broker1:15671", "write each address as https://host:port"),
        ("API", "https://u:geheim@broker1", "the login in a file"),
        ("API", "http://broker1:15672", "would carry the administrator's password in the clear"),
        ("BROKERS", "broker1", "not a RabbitMQ address"),
        ("BROKERS", "amqps://u:geheim@broker1", "only amqps://host:port"),
        ("BROKERS", "amqps://broker1 amqp://broker2", "differ in more than host and port"),
        ("CA", "/nowhere", "No such file"),
        ("PORT", "99999", "less than or equal to 65535"),
        ("PATIENCE", "300", "less than or equal to 30"),
        ("TLS_CERT", "ca", "set both"),
        ("PLANS", "/nowhere", "No such file"),
    ],
)
def test_what_is_told_wrongly(
    given: dict[str, str], monkeypatch: pytest.MonkeyPatch, variable: str, value: str, why: str
) -> None:
    with pytest.raises(SettingsError, match=why) as refused:
        load(given | {variable: value}, monkeypatch)
    assert PREFIX + variable in str(refused.value)
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        ({"plans": []}, "plans: .*at least 1"),
        ({"service": {"id": "1", "name": "Rabbit MQ", "description": "x"}}, "no name for a command line"),
        ({"plans": [{"id": "1", "name": "a", "description": "x", "max_queues": 0}]}, r"plans\.0\.max_queues"),
        ({"plans": [{"id": "1", "name": "a", "description": "x", "queue": "q"}]}, r"plans\.0\.queue: Extra"),
        ({"plans": [{"id": str(i), "name": "a", "description": "x"} for i in (1, 2)]}, "two plans have the name a"),
    ],
)
def test_plans_that_cannot_be_sold(spoil: dict[str, object], why: str, tmp_path: Path) -> None:
    (tmp_path / "plans.yml").write_text(yaml.safe_dump(yaml.safe_load(SHIPPED.read_text()) | spoil))
    with pytest.raises(SettingsError, match=f"{PREFIX}PLANS: .*{why}"):
        load_offering(tmp_path / "plans.yml")


def test_a_plan_without_limits_lifts_them(tmp_path: Path) -> None:
    plan = {"id": "1", "name": "all", "description": "Everything"}
    (tmp_path / "plans.yml").write_text(yaml.safe_dump(yaml.safe_load(SHIPPED.read_text()) | {"plans": [plan]}))
    (unlimited,) = load_offering(tmp_path / "plans.yml").plans
    assert unlimited.limits == {"max-connections": -1, "max-queues": -1}
    assert "any number of queues" in unlimited.bullets


def test_the_process_says_it_and_ends(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-m", "app", "marketplace"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    for variable in ("LOGIN_FILE", "KEY_FILE", "API", "API_LOGIN_FILE", "BROKERS"):
        assert f"{PREFIX}{variable}: not set" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_port_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wsgi, "_PORT_PATIENCE", 0)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(click.UsageError, match=f"port {port}: Address already in use.*; set HERE to another"):
            wsgi.check_port("127.0.0.1", port, "HERE")
    wsgi.check_port("127.0.0.1", port, "HERE")
