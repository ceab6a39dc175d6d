"""Which RabbitMQ may be upgraded to which, and what the refusal says."""

from pathlib import Path

import pytest
import yaml

DEFAULTS = Path(__file__).parents[3] / "ansible/roles/rabbitmq/defaults/main.yml"


@pytest.fixture(scope="module")
def judge(role_code):
    return role_code("rabbitmq/filter_plugins/rabbitmq_judgement.py")


@pytest.fixture(scope="module")
def problem(judge):
    paths = yaml.safe_load(DEFAULTS.read_text())["rabbitmq_upgrade_paths"]
    paths = {series: [str(least) for least in leasts] for series, leasts in paths.items()}
    return lambda installed, target: judge.upgrade_problem(installed, target, paths)


@pytest.mark.parametrize(
    ("installed", "target"),
    [
        ("3.10.8", "3.11.28"),
        ("3.11.18", "3.12.1"),
        ("3.13.7", "4.0.5"),
        ("3.13.7", "4.2.1"),
        ("4.0.5", "4.0.9"),
        ("4.0.5-6+deb13u1", "4.0.5-6+deb13u2"),
        ("4.2.3", "4.3.0"),
        ("4.0.5", "4.0.5"),
    ],
)
def test_a_supported_upgrade_is_let_through(problem, installed, target):
    assert problem(installed, target) == ""


@pytest.mark.parametrize(
    ("installed", "target", "way"),
    [
        ("3.10.8", "4.0.5", "3.10.8 → 3.11 → 3.12 → 3.13 → 4.0.5"),
        ("3.10.8-1.1+deb12u1", "4.0.5-6", "→ 3.11 → 3.12 → 3.13 → 4.0.5-6"),
        ("3.11.5", "3.12.1", "3.11.5 → 3.11.18 → 3.12.1"),
        ("4.0.5", "4.3.6", "4.0.5 → 4.2 → 4.3.6"),
    ],
)
def test_a_leap_is_refused_with_the_way(problem, installed, target, way):
    assert way in problem(installed, target)


def test_no_way_back(problem):
    assert "cannot go back" in problem("4.0.5", "3.13.7")


def test_a_series_nobody_has_described_is_refused_with_the_place_to_describe_it(problem):
    assert "rabbitmq_upgrade_paths" in problem("4.3.0", "4.4.0")


def test_nonsense_is_no_version(problem):
    assert "no version" in problem("4.0.5", "newest")


def broker(**differs):
    return {"version": "4.2.1", "disabled_flags": [], "khepri": True} | differs


def test_feature_flags_come_before_the_next_series(judge):
    assert "stream_filtering" in judge.flags_problem(broker(disabled_flags=["stream_filtering"]), "4.3.0")
    assert judge.flags_problem(broker(disabled_flags=["stream_filtering"]), "4.2.9") == ""


def test_khepri_before_4_3_and_never_from_3_13(judge):
    assert judge.flags_problem(broker(), "4.3.0") == ""
    assert "khepri_db" in judge.flags_problem(broker(khepri=False), "4.3.0")
    assert "second cluster" in judge.flags_problem(broker(version="3.13.7"), "4.0.5")
