"""Other RabbitMQ releases than the one installed: unpacked from Debian into a cache, and run from there.

A newer Debian's Erlang needs its own C library, so it runs in a chroot of its own, in a mount namespace that goes away
with it. That needs root and Debian's tools; where they are missing, the tests that ask are skipped and say why.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from loadtests.local.rabbitmq_program import RabbitMQProgram

PACKAGES = "rabbitmq-server,dash,coreutils,sed,grep,gawk"

# Everything below HOME, the node's folder, is found at the same place inside.
ENTER = """#!/bin/sh
exec unshare --mount --propagation private /bin/sh -c '
  set -e
  mount --rbind /dev "{root}/dev"
  mount -t proc proc "{root}/proc"
  mount -t tmpfs tmpfs "{root}/tmp"
  mkdir -p "{root}$HOME"
  mount --bind "$HOME" "{root}$HOME"
  exec {chroot} "{root}" "$@"
' sh {program} "$@"
"""


def unpacked(suite: str) -> RabbitMQProgram:
    """The RabbitMQ of a Debian release: from the cache, or unpacked now in about ten seconds. Skips where it cannot."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "warren" / "rabbitmq" / suite
    if not (cache / "home").is_dir():
        _unpack(suite, cache)
    return RabbitMQProgram(cache / "home")


def _unpack(suite: str, cache: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip(f"RabbitMQ of Debian {suite}: needs root to run in a chroot")
    for tool in ("mmdebstrap", "unshare", "chroot"):
        if not shutil.which(tool):
            pytest.skip(f"RabbitMQ of Debian {suite}: needs {tool}")
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        pytest.skip(f"RabbitMQ of Debian {suite}: no mount namespace is allowed here")
    cache.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=cache.parent))
    try:
        _fill(suite, folder, cache)
        folder.chmod(0o755)
        folder.rename(cache)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _mirror(suite: str) -> str:
    """Where this machine gets its own Debian packages: other releases are at the same place."""
    listed = subprocess.run(["apt-get", "indextargets", "--format", "$(SITE)"], capture_output=True, text=True)
    mirrors = [site for site in listed.stdout.split() if site.rstrip("/").endswith("/debian")]
    if not mirrors:
        pytest.skip(f"RabbitMQ of Debian {suite}: this machine does not install from a Debian mirror")
    return mirrors[0]


def _fill(suite: str, folder: Path, final: Path) -> None:
    root = folder / "root"
    command = ["mmdebstrap", "--quiet", "--variant=extract", f"--include={PACKAGES}"]
    # Without the essential packages nobody makes /bin a link to /usr/bin; and a mirror's snapshot may be old.
    command += ["--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr", '--aptopt=Acquire::Check-Valid-Until "false"']
    done = subprocess.run([*command, suite, str(root), _mirror(suite)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"RabbitMQ of Debian {suite} cannot be had: {done.stderr.strip()[-300:]}")
    for name in ("dev", "proc", "tmp"):
        (root / name).mkdir(exist_ok=True)
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    home = next((root / "usr/lib/rabbitmq/lib").glob("rabbitmq_server-*"))
    _wrap(folder / "home", home.relative_to(root), final)


def _wrap(wrappers: Path, inside: Path, final: Path) -> None:
    """A folder that looks like RabbitMQ's own, whose programs enter the chroot first."""
    (wrappers / "sbin").mkdir(parents=True)
    (wrappers / "plugins").symlink_to(final / "root" / inside / "plugins")
    programs = {name: f"/{inside}/sbin/{name}" for name in ("rabbitmq-server", "rabbitmqctl")}
    for name, program in (programs | {"epmd": "/usr/bin/epmd"}).items():
        script = wrappers / "sbin" / name
        script.write_text(ENTER.format(root=final / "root", program=program, chroot=shutil.which("chroot")))
        script.chmod(0o755)
