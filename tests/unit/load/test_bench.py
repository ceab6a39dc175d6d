"""`warren bench`: what is refused before anything starts, and what `--cost` waits for."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from loadtests.bench import comparisons
from loadtests.bench.comparisons import wait_until_empty
from loadtests.bench.locust_run import Load, PhaseFailed
from loadtests.bench.plan import BenchPlan
from loadtests.bench.session import Session
from loadtests.bench.target import Target
from loadtests.commands.bench import bench
from loadtests.generator.front_end import FrontEnd, FrontEndError

FOREIGN = ["--task", "my.task", "--queue", "celery"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--broker", "amqp://h/v", *FOREIGN, "--cost"], "leave out --cost or --broker"),
        (["--broker", "amqp://u:geheim@h:abc/v", *FOREIGN], "amqp://user:password@host:port/vhost"),
        (["--broker", "amqp://u:geheim/x@h/v", *FOREIGN], "percent-encoded"),
        (["--broker", "http://h", *FOREIGN], "--broker is an AMQP URL"),
    ],
)
def test_bad_input_is_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], complaint: str
):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(bench, words)
    said = " ".join(done.output.split())
    assert (done.exit_code, complaint in said, "geheim" in said) == (2, True, False), said
    assert list(tmp_path.iterdir()) == []


class Queues(FrontEnd):
    """A front end that tells these depths, one at a time; the last one for good."""

    def __init__(self, *depths: int) -> None:
        super().__init__("http://front")
        self.depths = list(depths)

    def queues(self) -> list[dict[str, Any]]:
        depth = self.depths.pop(0) if len(self.depths) > 1 else self.depths[0]
        return [{"name": "fast", "messages": depth}, {"name": "dead", "messages": 7}]


def test_queues_are_waited_for_while_they_become_shorter():
    front = Queues(3, 2, 1, 0)
    assert (wait_until_empty(front, 60), front.depths) == (True, [0])
    assert wait_until_empty(Queues(0), 60) is False


def test_queues_that_stay_full_end_the_wait_in_words():
    with pytest.raises(FrontEndError, match=r"still hold 5 messages, and no fewer for 0\.1 s"):
        wait_until_empty(Queues(9, 5, 6, 5), 0.1)


def test_a_front_end_that_fails_in_the_middle_of_cost_is_a_failure_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """And the certificates are those of the target: without them no https front end of one's own could be asked."""
    asked: list[FrontEnd] = []
    monkeypatch.setattr(comparisons, "run_phase", lambda *_: tmp_path)
    monkeypatch.setattr(comparisons, "wait_until_empty", lambda front, _: asked.append(front) or front.get("/queues"))
    session = Session(Load("https://127.0.0.1:1"), tmp_path, "r", BenchPlan(), print, lambda _: lambda *_: None)
    options = {"cost": True, "baseline": None, "repeats": 3, "seed": 1}
    with pytest.raises(PhaseFailed, match=r"cost-1-\w+: https://127.0.0.1:1 does not answer"):
        comparisons.compare(session, Target("https://127.0.0.1:1", "", {}, ca=__file__), options)
    assert asked[0]._session.verify == __file__
