"""One turn of one peer: publish into a queue, empty it, then HTTP to done; for each of the two tasks."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from app.contract import Contract
from benchmarks.peers.brokers import Depth, ListDepth
from benchmarks.peers.catalogue import OURS, USERS, Command, Peer, at_once, python, script
from benchmarks.peers.running import ROOT, Child, PeerFailed, check, running, tail, wait_ready
from loadtests.analysis.analyse import Asked, analyse
from loadtests.bench.locust_run import Load, Phase, Tick, run_phase
from loadtests.bench.verdict import judge
from loadtests.local.child import die_with_parent
from loadtests.local.ports import LOOPBACK, free_ports

# Task → its arguments, as JSON.
TASKS = {"noop": "[]", "sleep": "[0.01]"}
# A full queue is read from when all workers are there and have begun (FROM) until little is left (TO), and for so many
# seconds at most: neither a worker's start nor its end counts. Past LATEST nobody is waited for. It is filled with what
# takes about FILL seconds.
FROM, LATEST, TO, LONGEST, FILL = 0.95, 0.5, 0.05, 3.0, 3.0
# Messages at least, and before anything is known of a peer: some times what its workers fetch in advance. And at most.
FEWEST, MOST = 2000, 20_000
PATIENCE = 60.0
# Seconds: cut off, and what Locust takes of a run's length before its first task is due.
WARMUP, LEAD = 1.0, 1.0
# Workers that are slower than the front end get so much more than they can do, so that the backlog stays small. Which
# are: those that do less than this share of what one process publishes in a loop.
OVERLOAD, SLOW = 1.2, 0.5
OTHERS = ("WARREN_", "CELERY_", "VCAP_", "SERVICE_BINDING_ROOT", "STACK_FILE", "PORT", "dramatiq_", "RQ_", "REDIS_")


@dataclass(frozen=True)
class HttpRun:
    """One run. `rate`: tasks a second, HTTP to done; None: see `reasons`."""

    rate: float | None
    missing: int
    duplicated: int
    refused: int
    reasons: list[str]


@dataclass
class Turn:
    """What one turn brought, by task. Rates in a second."""

    published: dict[str, float] = field(default_factory=dict)
    drained: dict[str, float] = field(default_factory=dict)
    http: dict[str, HttpRun] = field(default_factory=dict)


@dataclass
class Site:
    """Where a peer is measured. `known`: (peer, task) → the rate at which its workers emptied a queue last."""

    contract: Contract
    stack_file: Path
    urls: dict[str, str]
    folder: Path
    results: Path
    run: str
    seconds: float
    tick: Callable[[str], Tick]
    say: Callable[[str], None]
    known: dict[tuple[str, str], float] = field(default_factory=dict)

    def log(self, peer: Peer) -> Path:
        """What its processes print."""
        return self.results / "log" / f"{peer.name}.log"


def turn(site: Site, peer: Peer, number: int, over_http: bool = True) -> Turn:
    """The peer's processes are started for it and end with it. Raises PeerFailed or PhaseFailed."""
    port, found, log = free_ports(1)[0], Turn(), site.log(peer)
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = _environment(site, peer, port)
    url = f"http://{LOOPBACK}:{port}"
    with running([_front(peer, port, site.contract)] if over_http else [], environment, log) as front:
        if over_http:
            wait_ready(url, front, log)
        for task in TASKS:
            queue = peer.queues(site.contract)[task]
            count = _count(site, peer, task)
            found.published[task] = _publish(peer, site.contract, task, count, environment, log)
            with running(peer.workers(site.contract, task), environment, log) as workers:
                look = ListDepth if peer.appendfsync else Depth
                with closing(look(site.urls[peer.name], queue)) as depth:
                    found.drained[task] = _drain(depth, count, peer.consumers, workers, log)
                site.known[peer.name, task] = found.drained[task]
                if over_http:
                    slow = OVERLOAD * found.drained[task] < SLOW * found.published[task]
                    rate = OVERLOAD * found.drained[task] if slow else None
                    found.http[task] = _http(site, f"{peer.name}-{task}-{number}", url, task, rate)
    return found


def _environment(site: Site, peer: Peer, port: int) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(OTHERS)}
    own |= {"PYTHONPATH": str(ROOT), "PEERS_MODULE": peer.module, "PEERS_BROKER": site.urls[peer.name]}
    own |= {"PEERS_RECORDS": str(site.folder / f"{peer.name}.ndjson")}
    if peer.name == OURS:
        own |= {"STACK_FILE": str(site.stack_file), "CELERY_BROKER_URL": site.urls[peer.name]}
        own |= {"WARREN_DATA_DIR": str(site.folder / "data"), "WARREN_HOST": LOOPBACK, "WARREN_PORT": str(port)}
    if peer.appendfsync:
        own["RQ_REDIS_URL"] = site.urls[peer.name]
    return own


def _front(peer: Peer, port: int, contract: Contract) -> Command:
    """As many processes, and threads where it is called from threads, as Warren's own: one shape for all."""
    if peer.front == "warren":
        return python("app", "web")
    command = script("granian", "--interface", peer.front, "--workers", str(contract.web.processes), "--no-ws")
    command += ["--host", LOOPBACK, "--port", str(port), "--log-level", "error"]
    if peer.front == "asgi":
        return [*command, "benchmarks.peers.front_end_async:application"]
    return [*command, "--blocking-threads", str(contract.web.threads), "benchmarks.peers.front_end:application"]


def _count(site: Site, peer: Peer, task: str) -> int:
    known = site.known.get((peer.name, task))
    return FEWEST if known is None else min(MOST, max(FEWEST, round(FILL * known)))


def _publish(peer: Peer, contract: Contract, task: str, count: int, environment: dict[str, str], log: Path) -> float:
    """Messages a second, in one process."""
    words = [task, TASKS[task], str(count), str(at_once(contract))]
    command = python("benchmarks.peers.publish", *words)
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, timeout=PATIENCE, preexec_fn=die_with_parent
        )
    except subprocess.TimeoutExpired as error:
        raise PeerFailed(f"publishing {count:,} messages took longer than {PATIENCE:.0f} s") from error
    with log.open("ab") as output:
        output.write(done.stderr)
    if done.returncode:
        raise PeerFailed(f"publishing failed; {tail(log)}")
    return float(json.loads(done.stdout))


def _drain(depth: Depth | ListDepth, count: int, consumers: int, workers: list[Child], log: Path) -> float:
    """Messages a second while the queue is emptied. What is left of it afterwards is taken away."""
    began: float | None = None
    at_start, deadline = count, time.monotonic() + PATIENCE
    while (now := time.monotonic()) < deadline:
        left, there = depth()
        if began is None:
            if left <= (FROM if there >= consumers else LATEST) * count:
                began, at_start = now, left
        elif left <= TO * count or now - began > LONGEST:
            depth.empty()
            if left == at_start:
                break
            return (at_start - left) / (now - began)
        check(workers, log)
        time.sleep(0.01)
    raise PeerFailed(
        f"its workers were not seen to empty a queue of {count:,} messages within {PATIENCE:.0f} s; {tail(log)}"
    )


def _http(site: Site, name: str, url: str, task: str, rate: float | None) -> HttpRun:
    """As fast as answers come, or at `rate`. A run that the generator spoiled is done once more."""
    load = Load(url, what=("--task", task, "--args", TASKS[task]), users=USERS)
    found = _once(site, load, name, rate)
    if not found.reasons:
        return found
    # Something else on the machine may have come in between; what comes again is no accident.
    site.say(f"{name} is run again: {'; '.join(found.reasons)}")
    again = _once(site, load, f"{name}-again", rate)
    both = {what: getattr(found, what) + getattr(again, what) for what in ("missing", "duplicated", "refused")}
    return replace(again, **both)


def _once(site: Site, load: Load, name: str, rate: float | None) -> HttpRun:
    folder = site.results / name
    run_phase(load, Phase(name, site.seconds + LEAD, WARMUP, rate), folder, f"{site.run}.{name}", site.tick(name))
    probe, result = judge(folder, name, rate), analyse(folder, Asked())
    reasons, book = list(result.reasons), result.ledger
    if probe.done <= 0 and not reasons:
        reasons.append(probe.why)
    refused = book.refused + book.unknown_fate.sent
    return HttpRun(None if reasons else probe.done, book.missing, book.duplicated, refused, reasons)
