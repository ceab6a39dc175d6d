"""Which WSGI server carries the most accepted tasks: `python -m benchmarks.wsgi_servers`. Needs wrk and gunicorn.

Each candidate serves the same application with two processes beside the same private RabbitMQ; wrk keeps 32
connections busy with POST /tasks/noop, each answered after the broker's confirm. Rounds are interleaved, so that what
else happens on the machine hits all alike; printed are the median and the range of the rounds.
"""

import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import version
from pathlib import Path

import click
import pika
import requests

from app.broker import topology
from app.contract import load_contract
from loadtests.local.child import die_with_parent
from loadtests.local.ports import free_ports
from loadtests.local.rabbitmq import RabbitMQNode

ROOT = Path(__file__).parent.parent
TARGET = "benchmarks.wsgi_app:application"
CONNECTIONS = 32
PROCESSES = 2
WRK = 'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\nwrk.body = "{}"\n'


@dataclass
class Candidate:
    """A server and its measurements, one of each round."""

    name: str
    command: list[str]
    rates: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    failed: int = 0


def granian(threads: int) -> Candidate:
    options = ["--interface", "wsgi", "--workers", str(PROCESSES), "--blocking-threads", str(threads), "--no-ws"]
    return Candidate(f"granian {PROCESSES} × {threads} threads", ["granian", *options, "--log-level", "error"])


def gunicorn(kind: str, processes: int = PROCESSES, *options: str) -> Candidate:
    what = " ".join([f"gunicorn {kind}, {processes} processes", *(f"× {o} threads" for o in options[1:])])
    return Candidate(what, ["gunicorn", "-k", kind, "-w", str(processes), *options, "--log-level", "error"])


def candidates() -> list[Candidate]:
    return [
        granian(8),
        granian(16),
        granian(32),
        gunicorn("gthread", PROCESSES, "--threads", "16"),
        gunicorn("gevent"),
        gunicorn("sync", 8),
        gunicorn("sync"),
    ]


def command_of(candidate: Candidate, port: int) -> list[str]:
    name, *options = candidate.command
    program = str(Path(sys.executable).parent / name)
    where = ["--port", str(port)] if name == "granian" else ["--bind", f"127.0.0.1:{port}"]
    return [program, *options, *where, TARGET]


def measure(candidate: Candidate, environment: dict[str, str], seconds: int, script: Path) -> None:
    """One round of one candidate."""
    port = free_ports(1)[0]
    url = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(command_of(candidate, port), env=environment, cwd=ROOT, preexec_fn=die_with_parent)
    try:
        wait_ready(url, server)
        wrk(url, 1, script)  # warm-up: every process connected, every path run
        report = wrk(url, seconds, script)
    finally:
        server.terminate()
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
    candidate.rates.append(float(re.findall(r"Requests/sec:\s+([\d.]+)", report)[0]))
    candidate.p50.append(milliseconds(report, "50%"))
    candidate.p99.append(milliseconds(report, "99%"))
    candidate.failed += sum(map(int, re.findall(r"Non-2xx or 3xx responses: (\d+)", report)))
    candidate.failed += sum(map(int, re.findall(r"(?:connect|read|write|timeout) (\d+)", report)))


def wait_ready(url: str, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if requests.get(f"{url}/readyz", timeout=5).ok:
                time.sleep(1)  # for the other processes
                return
        except requests.RequestException:
            time.sleep(0.1)
    raise click.ClickException(f"{' '.join(map(str, server.args))} did not become ready")  # type: ignore[union-attr,arg-type]


def wrk(url: str, seconds: int, script: Path) -> str:
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-s", str(script), f"{url}/tasks/noop"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 30).stdout


def milliseconds(report: str, percentile: str) -> float:
    value, unit = re.findall(rf"{percentile}\s+([\d.]+)(us|ms|s)", report)[0]
    return float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


@click.command()
@click.option("--rounds", type=click.IntRange(1, 20), default=3, show_default=True)
@click.option("--seconds", type=click.IntRange(1, 60), default=4, show_default=True, help="Of each measurement.")
def main(rounds: int, seconds: int) -> None:
    """Measure every candidate in turn, round after round, and print a table."""
    if not shutil.which("wrk"):
        raise click.UsageError("wrk is not installed; install the package `wrk`")
    contract, compared = load_contract(ROOT / "stack.yml"), candidates()
    with tempfile.TemporaryDirectory() as folder, RabbitMQNode(Path(folder) / "rabbit", contract) as node:
        script = Path(folder) / "post.lua"
        script.write_text(WRK)
        data = {"WARREN_DATA_DIR": f"{folder}/data", "PYTHONPATH": str(ROOT)}
        environment = dict(os.environ) | data | {"CELERY_BROKER_URL": node.url("web")}
        with pika.BlockingConnection(pika.URLParameters(node.url())) as connection:
            channel = connection.channel()
            topology.declare(channel, contract)
            for number in range(rounds):
                for candidate in compared:
                    click.echo(f"round {number + 1} of {rounds}: {candidate.name}", err=True)
                    measure(candidate, environment, seconds, script)
                    channel.queue_purge(contract.queue_of("noop"))
        show(compared, ".".join(map(str, node.version)))


def show(compared: list[Candidate], broker: str) -> None:
    packages = ("granian", "gunicorn", "gevent", "flask")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    python = platform.python_version()
    click.echo(f"{date.today()}, {os.cpu_count()} cores, Python {python}, RabbitMQ {broker} (quorum), {versions}\n")
    click.echo("| server | tasks/s, median (range) | p50 ms | p99 ms | failed |\n|---|---|---|---|---|")
    for each in compared:
        low, high = min(each.rates), max(each.rates)
        rate = f"{statistics.median(each.rates):,.0f} ({low:,.0f} to {high:,.0f})"
        p50, p99 = statistics.median(each.p50), statistics.median(each.p99)
        click.echo(f"| {each.name} | {rate} | {p50:.0f} | {p99:.0f} | {each.failed} |")


if __name__ == "__main__":
    main()
