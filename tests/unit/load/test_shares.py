"""Which host did how much."""

from pathlib import Path
from typing import Any

from loadtests.analysis.analyse import Asked, analyse
from loadtests.generator import parts
from loadtests.report import page

from ...made_run import START


def used(results: Path, lines: list[tuple[str, str, int, float]]) -> None:
    """Samples of two seconds: host, role, number of the process, cores."""
    part = parts.Part(parts.folder(results, "run"), "cpu")
    for second in (1, 2):
        for host, role, pid, cpu in lines:
            line = {"ts": START + second, "role": role, "pid": pid, "cpu": cpu, "rss": 0, "host": host}
            part.write(line)
    part.close()


def made(made_run: Any) -> Path:
    run = made_run()
    for number in range(40):
        run.send(f"t{number}", number / 100)
        host = "one" if number % 4 else "two"
        run.record(f"t{number}", number / 100, worker=f"fast-{number % 2}@{host}")
    return run.close()


def test_tasks_are_counted_by_the_host_that_finished_them(made_run: Any) -> None:
    shares = {each.host: each for each in analyse(made(made_run), Asked()).hosts}
    assert {name: (each.tasks, each.share) for name, each in shares.items()} == {"one": (30, 0.75), "two": (10, 0.25)}
    assert (shares["one"].processes, shares["two"].processes) == (2, 1)
    assert shares["one"].cores is None


def test_processors_are_added_up_over_a_hosts_services(made_run: Any) -> None:
    results = made(made_run)
    used(
        results,
        [("one", "worker", 1, 0.5), ("one", "worker", 2, 0.25), ("one", "rest", 3, 0.1), ("db", "broker", 4, 1)],
    )
    shares = {each.host: each for each in analyse(results, Asked()).hosts}
    assert shares["one"].roles == {"worker": 0.75, "rest": 0.1}
    assert shares["one"].cores == 0.85
    assert (shares["db"].tasks, shares["db"].cores) == (0, 1.0)
    assert shares["two"].cores is None


def test_one_machine_alone_has_no_shares(made_run: Any) -> None:
    run = made_run()
    run.tasks(20)
    assert analyse(run.close(), Asked()).hosts == []


def test_the_report_shows_each_host(made_run: Any) -> None:
    results = made(made_run)
    text = page.write(results, analyse(results, Asked())).read_text()
    assert "Each host's share" in text
    assert "75%" in text and "25%" in text
