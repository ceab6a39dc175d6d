"""Processor time of each pod, read from its own cgroup by a small loop in it, for as long as a bench lasts."""

import contextlib
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from loadtests.generator.parts import Part
from loadtests.kubernetes.deployment import component, pods
from loadtests.kubernetes.kubectl import Kubectl, KubectlError

LOOK = 5.0  # seconds between two looks for new pods
# Seconds since the node's boot and nanoseconds of processor time, a line a second, by either version of cgroups. Ends
# with its standard input: with us.
LOOP = """
one() {
    if read -r key value </sys/fs/cgroup/cpu.stat && [ "$key" = usage_usec ]; then used=${value}000
    else read -r used </sys/fs/cgroup/cpuacct/cpuacct.usage || exit 1; fi 2>/dev/null
    read -r up rest </proc/uptime
    echo "$up $used"
}
{ while one; do sleep 1; done; } & loop=$!
cat >/dev/null
kill $loop
"""


class PodsSampler:
    """A context manager. Pods that come later are found; those that go have no samples from then on."""

    def __init__(self, kubectl: Kubectl) -> None:
        self._kubectl = kubectl
        self._part: Part | None = None
        self._lock, self._end = threading.Lock(), threading.Event()
        self._running: dict[str, subprocess.Popen[str]] = {}
        self._numbers: dict[str, int] = {}
        self._finder = threading.Thread(target=self._find, name="pods", daemon=True)

    def __enter__(self) -> "PodsSampler":
        self._finder.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._finder.join()
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            process.wait()

    @contextmanager
    def into(self, folder: Path) -> Iterator[None]:
        """While it is open, samples are written there."""
        part = Part(folder, "cpu")
        with self._lock:
            self._part = part
        try:
            yield
        finally:
            with self._lock:
                self._part = None
            part.close()

    def _find(self) -> None:
        while True:
            with contextlib.suppress(KubectlError):
                for name, pod in pods(self._kubectl).items():
                    if name not in self._running:
                        self._start(name, component(pod))
            if self._end.wait(LOOK):
                return

    def _start(self, pod: str, role: str) -> None:
        process = subprocess.Popen(
            self._kubectl.command("exec", "--stdin", "--quiet", pod, "--", "sh", "-c", LOOP),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self._running[pod] = process
        threading.Thread(target=self._follow, args=(pod, role, process), daemon=True).start()

    def _follow(self, pod: str, role: str, process: "subprocess.Popen[str]") -> None:
        before: tuple[float, float] | None = None
        assert process.stdout
        for line in process.stdout:
            up, used = line.split()
            now = (float(up), int(used) / 1e9)
            if before and now[0] > before[0]:
                self._write(pod, role, max(0.0, now[1] - before[1]) / (now[0] - before[0]))
            before = now

    def _write(self, pod: str, role: str, cores: float) -> None:
        with self._lock:
            if self._part is None:
                return
            # The table tells processes apart by number; a pod gets one of its own.
            number = self._numbers.setdefault(pod, len(self._numbers) + 1)
            self._part.write({"ts": time.time(), "role": role, "pid": number, "cpu": cores, "rss": 0, "host": pod})
            self._part.flush()
