"""A release is packed once, under a name that says what is in it, and without asking an index when wheels are given."""

import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

ROLES = Path(__file__).parents[2] / "ansible/roles"
EXAMPLE = ROLES / "celery/example"


@pytest.fixture
def pack(tmp_path: Path) -> Any:
    """Run pack.py for the example, with an empty folder of wheels; returns what it printed, or its complaint."""
    (tmp_path / "wheels").mkdir()

    def run(requirements: str = "") -> Any:
        (tmp_path / "requirements.txt").write_text(requirements)
        options = {
            "--project": EXAMPLE,
            "--requirements": tmp_path / "requirements.txt",
            "--wheels": tmp_path / "wheels",
            "--python": "3.13",
            "--platform": "x86_64-manylinux_2_36",
            "--uv": Path(sys.executable).parent / "uv",
            "--into": tmp_path / "archives",
        }
        command = [
            sys.executable,
            ROLES / "release/files/pack.py",
            *(str(word) for pair in options.items() for word in pair),
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        return json.loads(done.stdout) if done.returncode == 0 else done.stderr

    return run


def test_the_same_input_is_the_same_release_and_packed_once(pack: Any, tmp_path: Path) -> None:
    first, again, other = pack(), pack(), pack("# other requirements\n")
    assert first["made"] and not again["made"] and other["made"]
    assert first["name"] == again["name"] != other["name"]
    assert first["name"].startswith("1.0-")
    # Nothing half done is left, and no draft.
    assert {str(path) for path in (tmp_path / "archives").iterdir()} == {first["archive"], other["archive"]}


def test_it_holds_the_packages_for_all_to_read_and_no_programs(pack: Any) -> None:
    with tarfile.open(pack()["archive"]) as archive:
        members = {member.name: member for member in archive.getmembers()}
    assert "./shop/tasks.py" in members and not any(name.startswith("./bin") for name in members)
    assert {(member.uid, member.mode & 0o444) for member in members.values()} == {(0, 0o444)}


@pytest.mark.parametrize(
    ("requirements", "why"),
    [
        ("celery==5.7.0\n", "hash"),
        ("celery==5.7.0 --hash=sha256:" + "0" * 64 + "\n", "celery was not found in the provided package locations"),
    ],
    ids=["without a hash", "not among the wheels"],
)
def test_what_cannot_be_packed_is_said(pack: Any, tmp_path: Path, requirements: str, why: str) -> None:
    complaint = pack(requirements)
    assert why in complaint and "Traceback" not in complaint
    assert not list((tmp_path / "archives").iterdir())
