"""Makes parts, each once, in the user's cache. What an interrupted build has finished is kept for the next."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from .parts import PARTS, Jars, Part, version_of

Say = Callable[[str], None]
TELL_EVERY = 20.0  # seconds


class ToolsError(Exception):
    """The text says what is wrong and what to do."""


def cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(base) / "warren/tools"


def folder_of(name: str) -> Path:
    """Where a part is, or will be. Other pins or another way to compile are another folder."""
    part = PARTS[name]
    key = hashlib.sha256(json.dumps(asdict(part), sort_keys=True).encode())
    for pinned in sorted({name, *(copied.known_to for copied in part.copied)}):
        for file in PARTS[pinned].pins:
            key.update((part.folder.parent / pinned / file).read_bytes())
    return cache() / f"{name}-{key.hexdigest()[:12]}"


def ensure(name: str, say: Say) -> Path:
    """The part's folder, compiled now if nobody has before: programs in `bin`, the rest beside it."""
    if name not in PARTS:
        raise ToolsError(f"no such part: {name}; there are {', '.join(PARTS)}")
    part, made = PARTS[name], folder_of(name)
    if made.is_dir():
        return made
    made.parent.mkdir(parents=True, exist_ok=True)
    with _alone(part, say):
        if not made.is_dir():
            began = time.monotonic()
            half = made.with_name(f"{made.name}.partial")
            (half / "bin").mkdir(parents=True, exist_ok=True)
            for copied in part.copied:
                _copy(copied.known_to, copied.module, copied.path, half / copied.to)
            for number, (program, package) in enumerate(part.programs.items(), 1):
                title = f"{name} {part.version}: {program} ({number} of {len(part.programs)})"
                _compile(part, package, half / "bin" / program, title, say)
            if isinstance(part, Jars):
                _fetch(part, half / "lib", say)
            half.rename(made)
            say(f"{name} {part.version}: made in {time.monotonic() - began:.0f} s, kept in {made}")
    return made


@contextmanager
def _alone(part: Part, say: Say) -> Iterator[None]:
    with (cache() / f"{part.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say(f"{part.name}: another command compiles it; waiting for its end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _go(folder: Path, *words: str) -> subprocess.Popen[str]:
    """`go` with nothing of the user's settings that could change what is pinned."""
    if not shutil.which("go"):
        wanted = next(line for line in (folder / "go.mod").read_text().splitlines() if line.startswith("go "))
        raise ToolsError(f"{folder.name} is compiled with {wanted} or newer, and there is no `go` on PATH; install it")
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false", "GOWORK": "off"}
    return subprocess.Popen(
        ["nice", "-n", "19", "go", *words],
        cwd=folder, env=environment, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def _compile(part: Part, package: str, target: Path, title: str, say: Say) -> None:
    if target.exists():
        return
    stamps = " ".join(f"-X {name}={_stamp(part, value)}" for name, value in part.stamps.items())
    new = target.with_name(f"{target.name}.new")
    process = _go(part.folder, "build", "-v", "-trimpath", f"-ldflags=-s -w {stamps}", "-o", str(new), package)
    said = Progress(title, say)
    try:
        said.follow(process)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
    if process.returncode != 0:
        raise ToolsError("\n".join([f"{title} does not compile:", *said.lines[-12:]]))
    new.rename(target)


def _stamp(part: Part, value: str) -> str:
    major, minor = part.version.removeprefix("v").split(".")[:2]
    return value.format(version=part.version, major=major, minor=minor)


def _fetch(part: Part, to: Path, say: Say) -> None:
    """Maven finds what the pom names, wherever the user's settings say, and copies it."""
    if not shutil.which("mvn"):
        raise ToolsError(f"{part.name} is fetched by Maven, and there is no `mvn` on PATH; install it (and Java 17)")
    command = ["mvn", "--batch-mode", "--file", str(part.folder / "pom.xml"), "dependency:copy-dependencies"]
    command += ["-DincludeScope=runtime", f"-DoutputDirectory={to}"]
    say(f"{part.name} {part.version} …")
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise ToolsError("\n".join([f"{part.name} cannot be fetched:", *done.stdout.splitlines()[-12:]]))


class Progress:
    """`go build -v` names each package on standard error when it starts on it; now and then say how many there were."""

    def __init__(self, title: str, say: Say) -> None:
        self.title, self.say, self.lines = title, say, [""]

    def follow(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr
        done = threading.Event()
        teller = threading.Thread(target=self._tell, args=(done,), daemon=True)
        self.say(f"{self.title} …")
        teller.start()
        try:
            for line in process.stderr:
                self.lines.append(line.rstrip())
            process.wait()
        finally:
            done.set()
            teller.join()

    def _tell(self, done: threading.Event) -> None:
        began = time.monotonic()
        while not done.wait(TELL_EVERY):
            self.say(f"{self.title}: {len(self.lines)} packages, {time.monotonic() - began:.0f} s; {self.lines[-1]}")


def _copy(known_to: str, module: str, pattern: str, to: Path) -> None:
    """Files out of a module, or what is in a folder of it, so that Go's own cache may be emptied later."""
    folder = PARTS[known_to].folder
    process = _go(folder, "mod", "download", "-json", f"{module}@{version_of(folder, module)}")
    out, err = process.communicate()
    if process.returncode != 0:
        raise ToolsError(f"{module} cannot be had:\n{err or out}")
    found = sorted(Path(json.loads(out)["Dir"]).glob(pattern))
    if not found:
        raise ToolsError(f"{module} holds no {pattern}; another version was pinned in {folder / 'go.mod'}?")
    to.mkdir(parents=True, exist_ok=True)
    for file in found:
        if file.is_dir():
            shutil.copytree(file, to, dirs_exist_ok=True, copy_function=shutil.copyfile)
            continue
        shutil.copyfile(file, to / file.name)
        (to / file.name).chmod(0o755 if to.name == "bin" else 0o644)
