"""Packs a release for hosts: what their Python needs, installed here once, as one archive with a manifest.

Prints JSON: the release's name, and whether the archive was made now. A host then needs neither an index nor pip nor a
compiler, and the hashes of the requirements are checked before anything leaves this machine.
"""

import argparse
import gzip
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from email import message_from_bytes
from pathlib import Path

# Archives that stay on the controller; one that is needed again is packed again.
KEEP = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--project", type=Path, help="folder of the project to build a wheel of, or a wheel")
    parser.add_argument("--requirements", type=Path, required=True, help="exact versions with hashes")
    parser.add_argument("--wheels", type=Path, help="folder of wheels to take instead of asking an index")
    parser.add_argument("--python", required=True, help="the hosts' Python, as 3.13")
    parser.add_argument("--platform", required=True, help="the hosts' platform, as x86_64-manylinux_2_36")
    parser.add_argument("--uv", default="uv")
    parser.add_argument("--into", type=Path, required=True, help="folder of archives")
    options = parser.parse_args()
    options.into.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=options.into) as scratch:
            print(json.dumps(pack(options, Path(scratch))))
    except subprocess.CalledProcessError as error:
        sys.exit(f"{' '.join(map(str, error.cmd[:3]))} …:\n{error.stderr.strip()}")
    except (OSError, ValueError) as error:
        sys.exit(str(error))


def pack(options: argparse.Namespace, scratch: Path) -> dict[str, object]:
    """Make the archive unless it is there; its name says what is in it."""
    wheel = build(options, scratch) if options.project.is_dir() else options.project
    digest = hashlib.sha256(wheel.read_bytes() + options.requirements.read_bytes()).hexdigest()[:8]
    name = f"{version(wheel)}-{digest}"
    archive = options.into / f"{name}-py{options.python}-{options.platform}.tar.gz"
    answer = {"name": name, "archive": str(archive.absolute()), "made": not archive.exists()}
    if answer["made"]:
        install(options, wheel, scratch / "site-packages")
        write(scratch / "site-packages", archive, scratch / "draft")
        newest = sorted(options.into.glob("*.tar.gz"), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in newest[KEEP:]:
            old.unlink()
    return answer


def build(options: argparse.Namespace, scratch: Path) -> Path:
    # Without isolation: what builds the wheel is installed already, and pinned.
    command = [options.uv, "build", "--quiet", "--wheel", "--no-build-isolation", "--python", sys.executable]
    run(*command, "--out-dir", scratch / "wheel", options.project)
    return next((scratch / "wheel").glob("*.whl"))


def version(wheel: Path) -> str:
    with zipfile.ZipFile(wheel) as content:
        metadata = next(name for name in content.namelist() if name.endswith(".dist-info/METADATA"))
        return str(message_from_bytes(content.read(metadata))["Version"])


def install(options: argparse.Namespace, wheel: Path, target: Path) -> None:
    """uv installs for another Python and platform than its own; only wheels, as nothing can be compiled for those."""
    source = ["--no-index", "--find-links", options.wheels] if options.wheels else []
    command = [options.uv, "pip", "install", "--quiet", "--target", target, "--only-binary", ":all:"]
    command += ["--python", sys.executable, "--python-version", options.python, "--python-platform", options.platform]
    run(*command, *source, "--require-hashes", "--requirements", options.requirements)
    run(*command, "--no-deps", "--no-index", wheel)
    # Programs start by `python -m`: these begin with this machine's Python.
    shutil.rmtree(target / "bin", ignore_errors=True)


def write(tree: Path, archive: Path, draft: Path) -> None:
    """Whole or not at all, owned by root, readable by all."""

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = "root"
        entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
        return entry

    # The fastest level: level 6 takes six times as long for an archive a tenth smaller.
    with gzip.open(draft, "wb", compresslevel=1) as packed, tarfile.open(fileobj=packed, mode="w|") as content:
        content.add(tree, arcname=".", filter=plain)
    draft.replace(archive)


def run(*command: object) -> None:
    subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True)


if __name__ == "__main__":
    main()
