"""KEDA: a burst grows a pool to its maximum, an empty queue shrinks it, and loses no task that still runs.

The burst is recorded traffic, replayed by `warren bench --target kubernetes`, whose report shows what the pool did.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from app.contract import load_contract

from ..cluster.state import ROOT
from ..long_task import LongTask, assert_done_once
from .conftest import LARGEST
from .site import watched

# Ten times what a pod runs at a time, and seconds of each: five times what it is meant to hold.
BURST, EACH = 10 * load_contract(ROOT / "stack.yml").pools["io"].concurrency, 4.0
SENDERS = 80
QUIET = 75.0  # seconds from the burst to the last task
LONG = 100.0  # seconds of a task that was there before; longer than the pool takes to grow and to shrink
COST = "controller.kubernetes.io/pod-deletion-cost"


def test_a_burst_grows_the_pool_and_an_empty_queue_shrinks_it_around_a_running_task(
    site: Any, tmp_path: Path, say: Any
) -> None:
    (holder,) = site.whole("io", 1)
    task = LongTask(site.front(), queue="io", seconds=LONG)
    # Of the pods that will be too many, the one that has it is taken first.
    site.kubectl("annotate", "pod", holder, f"{COST}=-1000")
    bench = replay(site, tmp_path)

    def count() -> int:
        return len(site.workers("io"))

    try:
        grown = watched(count, lambda: count() == LARGEST)
        shrunk = watched(count, lambda: count() == 1)
        say(f"pods of the pool io: {steps([*grown, *shrunk])}")
        assert holder not in site.workers("io"), "another pod was told to go"
        assert not task.ended(), "the task had ended before its pod was told to go"
        records = task.ends()
        assert_done_once(records)
        assert holder in records[0]["worker"]
    finally:
        said, _ = bench.communicate(timeout=300)
    judge_report(tmp_path, said, say)


def replay(site: Any, folder: Path) -> "subprocess.Popen[str]":
    """`warren bench` with the recorded burst, and a last task after a while."""
    lines = [f"{number * 0.02:.2f},sleep,[{EACH}]" for number in range(BURST)]
    (folder / "burst.csv").write_text("\n".join(["time,task,args", *lines, f"{QUIET},sleep,[0.1]", ""]))
    command = [str(Path(sys.executable).with_name("warren")), "bench", "--target", "kubernetes", "--no-open"]
    command += ["--namespace", site.namespace, "--url", site.url, "--replay", str(folder / "burst.csv")]
    return subprocess.Popen(
        [*command, "--seconds", str(QUIET + 5), "--users", str(SENDERS), "--results", str(folder / "results")],
        cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def judge_report(folder: Path, said: str, say: Any) -> None:
    """All tasks are accounted for, and the pods' share and number are to be seen."""
    (results,) = (folder / "results").iterdir()
    result = json.loads((results / "result.json").read_text())
    assert result["ledger"]["accepted"] == BURST + 1, said[-3000:]
    assert result["ledger"]["balanced"] and result["ledger"]["missing"] == 0
    pool = [host for host in result["hosts"] if host["host"].startswith("worker-io-")]
    assert len(pool) == LARGEST, result["hosts"]
    assert all(host["cores"] is not None for host in pool)
    # The cluster's nodes have this machine's clock: the truth is 0, and within the bound.
    assert {part for clock in result["clocks"] for part in clock["stamps"]} == {"web", "worker"}, said[-3000:]
    for clock in result["clocks"]:
        assert (clock["how"], clock["same"]) == ("kubectl exec", True)
        readings = [clock[when] for when in ("before", "after") if clock[when]]
        assert readings and all(abs(each["offset"]) <= each["bound"] for each in readings), clock
    report = (results / "report.html").read_text()
    assert 'data-spec="pods"' in report and "Each pod&#39;s share" in report.replace("'", "&#39;")
    say("; ".join(f"{host['host']}: {host['cores']:.2f} cores" for host in pool))


def steps(seen: list[int]) -> str:
    changes = [count for number, count in enumerate(seen) if number == 0 or count != seen[number - 1]]
    return " → ".join(map(str, changes))
