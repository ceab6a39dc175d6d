"""What the playbooks cost on top of what they install: `make lab-up && python -m benchmarks.site_yml`, as root.

On hosts made fresh each time, in turns: the bare installs that the stack needs, on all hosts at once (RabbitMQ and the
result store by apt, the app's wheels by pip), and `site.yml`. Then `site.yml` again, next to one look at all hosts.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from tests.lab.state import DEFAULT_FOLDER, Lab

ROOT = Path(__file__).parent.parent
INVENTORY = ["-i", "inventory/lab.yml"]
APT = "apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends"
VENV = f"{APT} python3-venv && python3 -m venv /opt/bare"
PIP = "/opt/bare/bin/pip -q install --no-index --find-links /tmp/wheels --requirement /tmp/wheels/requirements.txt"
# Of manylinux, what wheels for today's distributions are named by.
TAGS = ["manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64", "manylinux_2_34_x86_64"]


class Hosts:
    """The lab that is up."""

    def __init__(self) -> None:
        self.lab = Lab(Path(os.environ.get("WARREN_LAB", DEFAULT_FOLDER)))
        self.names = list(self.lab.running().hosts)
        self.ssh = ["ssh", "-F", str(self.lab.ssh_config)]

    def fresh(self) -> None:
        """All with empty disks, as the image has them."""
        run([sys.executable, "-m", "tests.lab", "--lab", str(self.lab.folder), "fresh", *self.names])

    def everywhere(self, work: Callable[[str], None]) -> None:
        with ThreadPoolExecutor(len(self.names)) as threads:
            list(threads.map(work, self.names))

    def install(self, host: str) -> None:
        """The packages that this host's part of the stack stands on."""
        if host.startswith("broker"):
            run([*self.ssh, host, f"{APT} rabbitmq-server"])
            return
        if host.startswith("web"):
            run([*self.ssh, host, f"{APT} valkey-server || {APT} redis-server"])
        run([*self.ssh, host, f"{VENV} && {PIP}"])

    def give(self, wheels: Path) -> None:
        def copy(host: str) -> None:
            with subprocess.Popen(["tar", "-C", str(wheels), "-c", "."], stdout=subprocess.PIPE) as packed:
                run([*self.ssh, host, "mkdir -p /tmp/wheels && tar -C /tmp/wheels -x"], stdin=packed.stdout)

        self.everywhere(lambda host: None if host.startswith("broker") else copy(host))


def run(command: list[str], **options: object) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1200, **options)  # type: ignore[call-overload]
    if done.returncode:
        raise click.ClickException(f"{' '.join(command[-3:])}\n{(done.stdout + done.stderr)[-3000:]}")
    return str(done.stdout)


def ansible(program: str, *words: str) -> str:
    return run([str(Path(sys.executable).parent / program), *INVENTORY, *words])


def timed(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def download(hosts: Hosts, folder: Path) -> None:
    """The wheels of requirements.txt for the hosts' Python."""
    web = next(name for name in hosts.names if name.startswith("web"))
    version = run([*hosts.ssh, web, "python3 -c 'import sys; print(*sys.version_info[:2], sep=chr(46))'"]).strip()
    requirements = (ROOT / "requirements.txt").read_text()
    (folder / "requirements.txt").write_text(requirements)
    platforms = [word for tag in TAGS for word in ("--platform", tag)]
    only = ["--only-binary", ":all:", "--python-version", version, *platforms]
    run([sys.executable, "-m", "pip", "-q", "download", "-d", str(folder), "-r", "requirements.txt", *only])


@click.command()
@click.option("--rounds", type=click.IntRange(1), default=2, show_default=True)
def main(rounds: int) -> None:
    """Print each time, and the ratios of their medians."""
    hosts = Hosts()
    times: dict[str, list[float]] = {name: [] for name in ("bare", "first", "again", "look")}

    def note(what: str, seconds: float) -> None:
        times[what].append(seconds)
        click.echo(f"{what:6} {seconds:6.1f} s")

    with tempfile.TemporaryDirectory() as folder:
        download(hosts, Path(folder))
        for _ in range(rounds):
            hosts.fresh()
            hosts.give(Path(folder))
            note("bare", timed(lambda: hosts.everywhere(hosts.install)))
            hosts.fresh()
            note("first", timed(lambda: ansible("ansible-playbook", "ansible/site.yml")))
            note("again", timed(lambda: ansible("ansible-playbook", "ansible/site.yml")))
            note("look", timed(lambda: ansible("ansible", "all", "-m", "ansible.builtin.setup")))
    median = {name: statistics.median(each) for name, each in times.items()}
    click.echo(f"site.yml on fresh hosts ÷ the bare installs: {median['first'] / median['bare']:.2f}")
    click.echo(f"site.yml again ÷ gathering facts: {median['again'] / median['look']:.2f}")


if __name__ == "__main__":
    main()
