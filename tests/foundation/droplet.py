"""From an app's bits to an image in the registry: a layer of the app and its packages over the stack's.

skopeo carries images; of an image's format only what a layer more changes is known here.
"""

import gzip
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from ..cluster.images import RECIPES
from ..lab.programs import run

USER = "2000:2000"  # numeric, or Kubernetes cannot tell that it is not root
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
# Korifi starts every process as `/cnb/lifecycle/launcher COMMAND`. tini: a Python that is process 1 ignores SIGTERM.
LAUNCHER = """#!/bin/sh
cd /home/vcap/app
export HOME=/home/vcap PYTHONUNBUFFERED=1
export PYTHONPATH=/home/vcap/deps${PYTHONPATH:+:$PYTHONPATH} PATH=/home/vcap/deps/bin:$PATH
exec /usr/bin/tini -g -- /bin/sh -c "$*"
"""
INSTALL_WITHIN = 300  # seconds


class InstallFailed(Exception):
    """What pip said."""


class Ground:
    """The folder where droplets are made, with the stack's image laid open in it."""

    def __init__(self, folder: Path, base: Path) -> None:
        self.folder, self._base = folder, folder / "base"
        self.python = RECIPES["python"].reference.rpartition(":")[2]
        folder.mkdir(parents=True, exist_ok=True)
        if not self._base.exists():
            # Compressed, as the registry wants its layers: once here, not for each droplet.
            _skopeo("copy", "--dest-compress", f"docker-archive:{base}", f"dir:{self._base}")

    def unpack(self, image: str, to: Path) -> None:
        """What was uploaded, from the registry into the folder."""
        to.mkdir(parents=True)
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            _skopeo("copy", "--src-tls-verify=false", f"docker://{image}", f"dir:{folder}")
            for layer in json.loads((Path(folder) / "manifest.json").read_text())["layers"]:
                with tarfile.open(Path(folder) / layer["digest"].partition(":")[2]) as tar:
                    tar.extractall(to, filter="data")
        to.chmod(0o755)

    def install(self, app: Path, deps: Path) -> None:
        """requirements.txt, for the stack's Python; wheels only, as nothing is compiled here."""
        if not (app / "requirements.txt").exists():
            return
        command = [
            sys.executable, "-m", "uv", "pip", "install", "--quiet", "--target", str(deps),
            "--python-version", self.python, "--python-platform", "x86_64-manylinux_2_36",
            "--only-binary", ":all:", "-r", "requirements.txt",
        ]  # fmt: skip
        done = subprocess.run(command, cwd=app, capture_output=True, text=True, timeout=INSTALL_WITHIN)
        if done.returncode:
            raise InstallFailed(done.stderr.strip())
        for script in (deps / "bin").glob("*"):
            text = script.read_bytes()
            if text.startswith(b"#!") and b"python" in text.split(b"\n", 1)[0]:
                script.write_bytes(b"#!/usr/bin/env python3\n" + text.split(b"\n", 1)[1])

    def push(self, tree: Path, reference: str) -> str:
        """The stack with `tree` over it, in the registry; its name by digest."""
        launcher = tree / "cnb/lifecycle/launcher"
        launcher.parent.mkdir(parents=True)
        launcher.write_text(LAUNCHER)
        launcher.chmod(0o755)
        # A buildpack's Python answers to this name as well.
        python = tree / "home/vcap/deps/bin/python"
        python.parent.mkdir(parents=True, exist_ok=True)
        python.symlink_to("/usr/bin/python3")
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            made = Path(folder)
            shutil.copytree(self._base, made, dirs_exist_ok=True, copy_function=_link)
            manifest = json.loads((self._base / "manifest.json").read_text())
            config = json.loads((self._base / _file(manifest["config"])).read_text())
            plain, packed = _layer(tree)
            manifest["layers"].append({"mediaType": LAYER, **_write(made, packed)})
            config["rootfs"]["diff_ids"].append(f"sha256:{hashlib.sha256(plain).hexdigest()}")
            config.setdefault("history", []).append({"created_by": "staging"})
            config["config"] |= {
                "User": USER, "WorkingDir": "/home/vcap/app", "Entrypoint": ["/cnb/lifecycle/launcher"], "Cmd": None,
            }  # fmt: skip
            manifest["config"] |= _write(made, json.dumps(config).encode())
            written = json.dumps(manifest).encode()
            (made / "manifest.json").unlink()
            (made / "manifest.json").write_bytes(written)
            digest = made / "digest"
            _skopeo("copy", "--dest-tls-verify=false", f"--digestfile={digest}", f"dir:{made}", f"docker://{reference}")
            return f"{reference.rpartition(':')[0]}@{digest.read_text().strip()}"


def _skopeo(*words: str) -> None:
    run(["skopeo", "--insecure-policy", *words], timeout=300)


def _link(source: str, target: str) -> None:
    Path(target).hardlink_to(source)


def _file(part: dict[str, Any]) -> str:
    return str(part["digest"]).partition(":")[2]


def _write(folder: Path, content: bytes) -> dict[str, Any]:
    name = hashlib.sha256(content).hexdigest()
    (folder / name).unlink(missing_ok=True)
    (folder / name).write_bytes(content)
    return {"digest": f"sha256:{name}", "size": len(content)}


def _layer(tree: Path) -> tuple[bytes, bytes]:
    """The tree as a tar, plain and packed; the same bytes for the same tree."""
    with tempfile.TemporaryFile() as file:
        with tarfile.open(fileobj=file, mode="w") as tar:
            for path in sorted(tree.rglob("*")):
                tar.add(path, str(path.relative_to(tree)), recursive=False, filter=_owned)
        file.seek(0)
        plain = file.read()
    return plain, gzip.compress(plain, 1, mtime=0)


def _owned(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid, entry.gid = map(int, USER.split(":"))
    entry.uname = entry.gname = ""
    entry.mtime = 0
    return entry
