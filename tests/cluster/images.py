"""Images made from this distribution's packages: no registry is asked. Built once, kept in the user's cache."""

import fcntl
import hashlib
import json
import os
import platform
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..lab.errors import LabError
from ..lab.image import machine_hooks, sources
from ..lab.programs import run
from ..tools.build import ensure as compiled
from . import oci, settings
from .errors import ClusterError
from .ground import inside
from .names import COREDNS, HOME, PAUSE
from .state import State

Say = Callable[[str], None]
PATHS = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
BROKER = {
    # The package's own server and tools, without Debian's wrappers, which want root and write to /var/log.
    "User": "999:999",
    "Env": [
        "PATH=/usr/lib/rabbitmq/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/var/lib/rabbitmq", "LANG=C.UTF-8",
        "RABBITMQ_DATA_DIR=/var/lib/rabbitmq", "RABBITMQ_LOGS=-", "RABBITMQ_LOG_BASE=/var/lib/rabbitmq",
    ],
    "Cmd": ["rabbitmq-server"],
    "WorkingDir": "/",
}  # fmt: skip
BROKER_TIDY = (
    'sed -i "s#^rabbitmq:x:[0-9]*:[0-9]*:#rabbitmq:x:999:999:#" "$1/etc/passwd"',
    'sed -i "s#^rabbitmq:x:[0-9]*:#rabbitmq:x:999:#" "$1/etc/group"',
    'rm -f "$1"/usr/sbin/rabbitmq* "$1/etc/rabbitmq/rabbitmq-env.conf"',
    'mkdir -p "$1/etc/rabbitmq/conf.d" "$1/var/lib/rabbitmq" "$1/operator"',
    'chown -R 999:999 "$1/etc/rabbitmq" "$1/var/lib/rabbitmq" "$1/var/log/rabbitmq"',
    'chmod 777 "$1/etc/rabbitmq" "$1/etc/rabbitmq/conf.d" "$1/var/lib/rabbitmq"',
)


@dataclass(frozen=True)
class Recipe:
    """A root file system of `packages` of `suite`. `hooks` are run on it, with its folder as $1."""

    reference: str
    config: dict[str, Any]
    suite: str
    packages: tuple[str, ...]
    hooks: tuple[str, ...] = field(default=())


# By the names that `image build` takes.
RECIPES = {
    "python": Recipe(
        f"{HOME}/python:3.13",
        {"Env": [PATHS, "LANG=C.UTF-8"], "Cmd": ["python3"]},
        "trixie",
        ("python3", "python3-venv", "ca-certificates", "curl", "tini"),
    ),
    "rabbitmq": Recipe(
        f"{HOME}/rabbitmq:4.0", BROKER, "trixie", ("rabbitmq-server", "python3-minimal", "ca-certificates"), BROKER_TIDY
    ),
    "rabbitmq-3": Recipe(
        f"{HOME}/rabbitmq:3.10",
        BROKER,
        "bookworm",
        ("rabbitmq-server", "python3-minimal", "ca-certificates"),
        BROKER_TIDY,
    ),
    "valkey": Recipe(
        f"{HOME}/valkey:8",
        {"User": "999:999", "Env": [PATHS, "LANG=C.UTF-8"], "Cmd": ["valkey-server"]},
        "trixie",
        ("valkey-server", "valkey-tools", "ca-certificates"),
    ),
}
TIDY = (
    'rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/* "$1"/etc/apt/sources.list* "$1"/etc/apt/apt.conf.d/9*',
    'rm -f "$1/etc/resolv.conf" "$1/etc/hostname" "$1/usr/sbin/policy-rc.d" "$1"/var/log/*.log "$1"/var/log/apt/*',
)


def cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(base) / "warren/images"


def ensure(name: str, say: Say) -> Path:
    """The image's file, built now if nobody has before. Another recipe is another file."""
    if name not in RECIPES:
        raise ClusterError(f"no such image: {name}; there are {', '.join(RECIPES)}")
    recipe = RECIPES[name]
    key = hashlib.sha256(json.dumps(asdict(recipe), sort_keys=True).encode()).hexdigest()[:12]
    return _once(cache() / f"{name}-{key}.tar", f"the image {recipe.reference}", lambda to: _debian(recipe, to), say)


def own(say: Say) -> list[Path]:
    """What every cluster starts with: the parent of each pod's containers, and the name server."""
    coredns = compiled("coredns", say)
    pause = [("tini", Path("/usr/bin/tini-static")), ("bin/busybox", Path("/bin/busybox"))]
    wait = {"Entrypoint": ["/tini", "-s", "--", "/bin/busybox", "sleep", "2147483647"], "User": "65535:65535"}
    serve = {"Entrypoint": ["/coredns"], "User": "65532:65532", "WorkingDir": "/"}
    return [
        _once(cache() / "pause-1.tar", PAUSE, lambda to: _of_files(pause, PAUSE, wait, to), say),
        _once(
            cache() / f"{coredns.name}.tar",
            COREDNS,
            lambda to: _of_files([("coredns", coredns / "bin/coredns")], COREDNS, serve, to),
            say,
        ),
    ]


def _once(file: Path, what: str, build: Callable[[Path], None], say: Say) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists():
            say(f"building {what} once; it stays in {file.parent}")
            new = file.with_suffix(".new")
            build(new)
            new.rename(file)
    return file


def _of_files(files: list[tuple[str, Path]], reference: str, config: dict[str, Any], to: Path) -> None:
    """Programs that need nothing beside them."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root.tar"
        with tarfile.open(root, "w") as tar:
            for name, file in files:
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = file.stat().st_size, 0o755
                with file.open("rb") as content:
                    tar.addfile(entry, content)
        oci.pack(root, reference, config, platform.machine(), to)


def _debian(recipe: Recipe, to: Path) -> None:
    with tempfile.TemporaryDirectory(dir=to.parent) as folder, tempfile.TemporaryFile("w+") as log:
        root = Path(folder) / "root.tar"
        command = [
            "nice", "-n", "19", "mmdebstrap", "--mode=root", "--variant=essential", "--format=tar",
            f"--include={','.join(recipe.packages)}", '--aptopt=Acquire::Languages "none"',
            '--aptopt=APT::Install-Recommends "false"',
            *(f"--dpkgopt=path-exclude=/usr/share/{each}/*" for each in ("man", "doc", "locale")),
            # The packages' services have nothing to start them here.
            '--essential-hook=printf "#!/bin/sh\\nexit 101\\n" >"$1/usr/sbin/policy-rc.d"',
            '--essential-hook=chmod 755 "$1/usr/sbin/policy-rc.d"',
            *machine_hooks(), *(f"--customize-hook={hook}" for hook in (*recipe.hooks, *TIDY)),
            recipe.suite, str(root), "-",
        ]  # fmt: skip
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, text=True)
        try:
            process.communicate(sources(recipe.suite), timeout=1800)
        finally:
            if process.poll() is None:
                process.terminate()  # it takes its own half-made root away
                process.wait()
        if process.returncode != 0:
            log.seek(0)
            raise ClusterError("mmdebstrap failed:\n" + "\n".join(log.read().splitlines()[-12:]))
        oci.pack(root, recipe.reference, recipe.config, platform.machine(), to)


def ctr(state: State, node: str) -> list[str]:
    """containerd's own command, on a node."""
    return [*inside(state), "ctr", f"--address={settings.socket(node)}", "--namespace=k8s.io"]


def answers(state: State, node: str) -> bool:
    return subprocess.run([*ctr(state, node), "version"], capture_output=True, timeout=20).returncode == 0


def load(state: State, node: str, file: Path) -> list[str]:
    """Import an image's file into a node; the names it brought."""
    try:
        said = run([*ctr(state, node), "images", "import", str(file)], timeout=600)
    except LabError as error:
        raise ClusterError(f"{file} is not an image that could be loaded:\n{error}") from error
    return [line.split()[1] for line in said.splitlines() if line.startswith("unpacking ")]
