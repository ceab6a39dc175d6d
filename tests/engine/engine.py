"""dockerd in its own mount, network and process namespaces. The machine's network is not touched, nothing is left.

No registry is asked: base images are made of the distribution's packages and loaded.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType

from tests.cluster import runc
from tests.cluster.cgroup import older
from tests.tools.build import ensure

START, STOP = 60, 30  # seconds
# Shadow folders that dockerd and its containerd insist on; the machine's own stay as they are.
PRIVATE = ("/run", "/var/lib/docker", "/var/lib/containerd")
ENTER = """set -e
mount --make-rprivate /
for folder in $PRIVATE; do [ ! -d $folder ] || mount -t tmpfs tmpfs $folder; done
ip link set lo up
echo 1 >/proc/sys/net/ipv4/ip_forward
exec "$@"
"""


class EngineError(Exception):
    """The engine did not start; the text holds what it said."""


class Engine:
    """A context manager. Everything is below one temporary folder, images too."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="warren-engine-"))
        self.name = self.folder.name
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """For the docker command. Its older builder needs no plugin and no registry."""
        given = {"DOCKER_HOST": f"unix://{self.folder}/docker.sock", "DOCKER_BUILDKIT": "0"}
        return given | ({"DOCKER_CONFIG": str(self._client)} if self._client.exists() else {})

    def add_compose(self) -> None:
        """See that `docker compose` works: where it is not installed it is compiled, once."""
        if subprocess.run(["docker", "compose", "version"], capture_output=True).returncode:
            plugins = self._client / "cli-plugins"
            plugins.mkdir(parents=True)
            (plugins / "docker-compose").symlink_to(ensure("compose", print) / "bin/docker-compose")

    @property
    def _client(self) -> Path:
        return self.folder / "client"

    def inside(self, command: list[str]) -> list[str]:
        """The command, run in the engine's network: where containers and their published ports can be reached."""
        return ["nsenter", "--target", str(self._init), "--net", *command]

    def docker(self, *arguments: str, timeout: float = 300) -> str:
        """What the docker command prints. Raises EngineError with its complaint."""
        done = subprocess.run(
            ["docker", *arguments],
            env=os.environ | self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if done.returncode:
            raise EngineError(f"docker {' '.join(arguments[:3])}: {done.stderr.strip()}")
        return done.stdout

    def __enter__(self) -> "Engine":
        missing = [name for name in ("dockerd", "docker", "unshare", "iptables") if not shutil.which(name)]
        if missing or os.geteuid() != 0:
            raise EngineError(f"as root, and with {', '.join(missing) or 'root'}: scripts/system-packages engine")
        try:
            self._start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process:
            if self._process.poll() is None:
                subprocess.run(["kill", "-TERM", str(self._init)], check=False)  # dockerd stops its containers
            try:
                self._process.wait(STOP)
            except subprocess.TimeoutExpired:
                self._process.kill()  # and with it all that is in the namespaces
                self._process.wait()
        for base in (*older(), Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified")):
            left = base / self.name
            if left.is_dir():
                _remove(left)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self) -> None:
        runtime = self.folder / "runc"
        runtime.write_text(f'#!/bin/sh\nexec {sys.executable} -IS {runc.__file__} "$@"\n')
        runtime.chmod(0o755)
        config = {
            "hosts": [f"unix://{self.folder}/docker.sock"],
            "data-root": str(self.folder / "data"),
            "exec-root": str(self.folder / "run"),
            "pidfile": str(self.folder / "pid"),
            "cgroup-parent": f"/{self.name}",
            "runtimes": {"warren": {"path": str(runtime)}} if not runc.capable() else {},
            **({"default-runtime": "warren"} if not runc.capable() else {}),
        }
        (self.folder / "daemon.json").write_text(json.dumps(config))
        log = (self.folder / "log").open("wb")
        namespaces = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
        dockerd = ["dockerd", "--config-file", str(self.folder / "daemon.json")]
        self._process = subprocess.Popen(
            [*namespaces, "sh", "-c", ENTER, "sh", *dockerd],
            env=os.environ | {"PRIVATE": " ".join(PRIVATE)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        deadline = time.monotonic() + START
        while time.monotonic() < deadline and self._process.poll() is None:
            if (self.folder / "docker.sock").exists():
                try:
                    self.docker("info", timeout=10)
                    return
                except (EngineError, subprocess.TimeoutExpired):
                    pass
            time.sleep(0.2)
        said = "\n".join((self.folder / "log").read_text(errors="replace").splitlines()[-8:])
        raise EngineError(f"dockerd did not start:\n{said}")

    @property
    def _init(self) -> int:
        """dockerd itself: the first process of its namespaces."""
        assert self._process
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return int(children[0]) if children else self._process.pid


def _remove(cgroup: Path) -> None:
    for path in sorted(cgroup.rglob("*"), key=lambda each: -len(each.parts)):
        if path.is_dir():
            path.rmdir()
    cgroup.rmdir()
