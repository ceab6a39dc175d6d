"""What one run of a capacity search counts for, and which part is said to give way first."""

from collections.abc import Callable
from typing import Any

import pytest

from loadtests.analysis.analyse import Asked, analyse
from loadtests.analysis.result import Probe, Result
from loadtests.bench.verdict import judge
from loadtests.capacity import saturation
from loadtests.capacity.document import Point, Utilisation
from loadtests.capacity.saturation import Pool, name_first
from loadtests.capacity.search import CannotTell, length, verdict_of
from loadtests.gate.slo import parse
from loadtests.generator.parts import Part

from ...made_run import START, MadeRun

Made = Callable[..., MadeRun]


def result_of(made: MadeRun) -> tuple[Probe, Result]:
    results = made.close()
    return judge(results, "run", 100.0), analyse(results, Asked())


def test_a_stable_run_meets_what_it_meets(made_run: Made):
    made = made_run()
    made.tasks(2000)
    probe, result = result_of(made)
    assert verdict_of(probe, result, [parse("p99<500ms"), parse("lost=0")])[0] == "met"
    assert verdict_of(probe, result, [parse("p99<1ms")]) == (
        "not met",
        "p99<1ms not met: p99 of scheduled_to_finished was 6.00 ms over 2,000 tasks",
    )


def test_a_growing_queue_meets_nothing_however_short_latency_was(made_run: Made):
    made = made_run()
    for number in range(2000):
        made.send(f"t{number}", number / 100)
        # A tenth less is done than is due: each waits a little longer, and all are below a second for long.
        made.record(f"t{number}", number / 100, finished=number / 90 + 0.006)
    probe, result = result_of(made)
    verdict, why = verdict_of(probe, result, [parse("p50<60m")])
    assert verdict == "growing", why


def test_a_late_generator_makes_no_number(made_run: Made):
    made = made_run()
    for number in range(2000):
        made.send(f"t{number}", number / 100, sent=number / 100 + 0.2)
        made.record(f"t{number}", number / 100)
    verdict, why = verdict_of(*result_of(made), [parse("p99<500ms")])
    assert (verdict, "generator saturated" in why) == ("invalid", True)


def test_lost_tasks_are_no_capacity_even_when_nobody_asked(made_run: Made):
    made = made_run()
    made.tasks(2000)
    made.send("lost", 1)
    verdict, why = verdict_of(*result_of(made), [])
    assert (verdict, "1 of 2,001 accepted tasks are missing" in why) == ("not met", True)


def test_a_percentile_has_tasks_enough_or_is_refused_with_the_reason(made_run: Made):
    assert length([parse("p50<1s")], 100, 8) == 8
    assert length([parse("p99<1s")], 100, 8) == pytest.approx(12)
    with pytest.raises(CannotTell, match=r"p99\.9<1s: at 40 tasks/s it takes 300 s .* choose a lower percentile"):
        length([parse("p99.9<1s")], 40, 8)
    made = made_run()
    made.tasks(300)
    with pytest.raises(CannotTell, match=r"p99<1s.*300 tasks are too few"):
        verdict_of(*result_of(made), [parse("p99<1s")])


def point(**changes: Any) -> Point:
    values = {"name": "x", "use": "search", "offered": 100.0, "done": 90.0, "slope": 5.0, "verdict": "growing"}
    values |= {"why": "late", "latency": {}, "count": 9, "service": 0.01, "processes": 1, "parts": {}}
    return Point(**values | {"accepted": 9, "missing": 0, "duplicated": 0, "balanced": True} | changes)


def busy(**shares: float) -> dict[str, Utilisation]:
    return {name: Utilisation(cores=share, share=share, of="it") for name, share in shares.items()}


@pytest.mark.parametrize(
    ("points", "first"),
    [
        ([point(waiting={"web": 0.01, "worker": 2.0}, parts=busy(web=0.99, worker=0.97))], "worker"),
        ([point(waiting={"web": 1.0, "broker": 0.2}, parts=busy(web=0.95))], "web"),
        ([point(verdict="met", parts=busy(generator=0.2, broker=0.7, worker=0.3))], "broker"),
        # Slots full of waiting tasks are full, however busy the machine is.
        ([point(waiting={"worker": 2.0}, parts=busy(worker=0.98, machine=0.99))], "worker"),
        ([point(waiting={"web": 1.0}, parts=busy(web=0.3, worker=0.2, machine=0.99))], "machine"),
        ([point(verdict="met", parts=busy(web=0.5)), point(verdict="invalid")], "generator"),
        # A front end that takes in more than is done tells of the workers, though the generator was late elsewhere.
        ([point(verdict="estimate", offered=None, waiting={"worker": 9.0}), point(verdict="invalid")], "worker"),
    ],
)
def test_what_saturates_first(points: list[Point], first: str):
    assert name_first(points)[0] == first


def test_a_worker_s_service_time_and_the_wait_before_it_are_read_from_a_run(made_run: Made):
    made = made_run()
    for number in range(200):
        at = number / 10
        made.send(f"t{number}", at)
        made.record(f"t{number}", at, started=at + number * 0.02, finished=at + number * 0.02 + 0.09)
    cpu = Part(made.folder, "cpu")
    cpu.write({"ts": START + 5, "role": "worker", "pid": 1, "cpu": 0.2, "rss": 1})
    cpu.close()
    results = made.close()
    analyse(results, Asked())
    seen = saturation.look(results, "run", Pool(slots=1, cores=2), done=10.0)
    assert (seen.service, seen.bound, seen.processes) == (pytest.approx(0.09), "slots", 1)
    assert seen.parts["worker"].share == pytest.approx(0.9)
    assert seen.waiting["worker"] == pytest.approx(200 * 2 / 3 * 0.02, rel=0.05)
    assert seen.waiting["web"] == pytest.approx(0, abs=1e-6)
    # Where a task computes more than its record says, its process is what fills up.
    assert saturation.look(results, "run", Pool(slots=8, cores=2), done=10.0).bound == "cpu"


def test_hosts_of_one_machine_have_its_cores_once(made_run: Made):
    made = made_run()
    made.tasks(100, rate=10)
    cpu = Part(made.folder, "cpu")
    for number, (host, role) in enumerate([("b1", "broker"), ("b2", "broker"), ("w1", "web"), ("w2", "web")]):
        cpu.write({"ts": START + 5, "role": role, "pid": number, "cpu": 0.8, "rss": 1, "host": host})
    cpu.close()
    results = made.close()
    analyse(results, Asked())

    def share(part: str, web: int = 1, **machines: str) -> float | None:
        return saturation.look(results, "run", Pool(web=web, cores=2, machines=machines), done=10.0).parts[part].share

    assert share("broker") == pytest.approx(1.6 / 4)
    assert share("broker", b1="one", b2="one") == pytest.approx(1.6 / 2)
    # Front ends are limited by their processes, and these by the cores.
    assert share("web") == pytest.approx(1.6 / 2)
    assert share("web", web=4, w1="one", w2="one") == pytest.approx(1.6 / 2)
    assert share("web", web=4) == pytest.approx(1.6 / 4)
