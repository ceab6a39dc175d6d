"""A tar of a root file system becomes an image that containerd and Docker load, without a daemon."""

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

# Debian's names and Docker's.
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


def pack(root: Path, reference: str, config: dict[str, Any], machine: str, to: Path) -> None:
    """One layer."""
    with root.open("rb") as file:
        layer = hashlib.file_digest(file, "sha256").hexdigest()
    image = json.dumps(
        {
            "architecture": MACHINES.get(machine, machine),
            "os": "linux",
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer}"]},
            "history": [{"created_by": "warren"}],
        }
    ).encode()
    name = f"{hashlib.sha256(image).hexdigest()}.json"
    manifest = [{"Config": name, "RepoTags": [reference], "Layers": [f"{layer}/layer.tar"]}]
    with tarfile.open(to, "w") as tar:
        _add(tar, name, image)
        tar.add(root, f"{layer}/layer.tar", filter=_plain)
        _add(tar, "manifest.json", json.dumps(manifest).encode())


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """The same file every time it is made."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = 0
    return entry
