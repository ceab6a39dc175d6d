"""What is pushed: the app's source, its requirements, and the files by which a buildpack knows what to do."""

import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path

from loadtests.cloudfoundry.client import staging

ROOT = Path(__file__).parents[2]
NOT_PUSHED = {"__pycache__", ".pyc"}


def pack(stack: str, commands: Mapping[str, str]) -> tuple[bytes, str]:
    """A zip, and the digest of it. `stack`: text of stack.yml. `commands`: type of process → command."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        texts = {
            "stack.yml": stack,
            "requirements.txt": (ROOT / "requirements.txt").read_text(),
            "runtime.txt": (ROOT / "runtime.txt").read_text(),
            "Procfile": "".join(f"{kind}: {command}\n" for kind, command in sorted(commands.items())),
        }
        for name, text in texts.items():
            (folder / name).write_text(text)
        for path in _source():
            copy = folder / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
        bits = staging.pack(folder, [path for path in folder.rglob("*") if path.is_file()])
    return bits, hashlib.sha256(bits).hexdigest()[:16]


def _source() -> list[Path]:
    found = (ROOT / "app").rglob("*")
    return sorted(path for path in found if path.is_file() and not NOT_PUSHED & {*path.parts, path.suffix})
