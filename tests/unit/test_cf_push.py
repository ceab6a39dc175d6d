"""What `cf push` takes along is enough for the front end to start: there is the source, and what it requires."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from pathspec import GitIgnoreSpec

from app import __version__

ROOT = Path(__file__).parents[2]
# As app/web/serve.py does it.
CREATE = """
import os
from app.broker.address import resolve_broker
from app.contract import load_contract
from app.settings import Settings
from app.web.app import create_app
settings = Settings.load()
app = create_app(settings, load_contract(settings.stack_file), resolve_broker(os.environ))
print(app.test_client().get("/openapi.json").get_json()["info"]["version"])
"""


@pytest.fixture
def pushed(tmp_path: Path) -> Path:
    """A copy of the files that .cfignore leaves."""
    ignored = GitIgnoreSpec.from_lines((ROOT / ".cfignore").read_text().splitlines())

    def left_out(folder: str, names: list[str]) -> list[str]:
        return [name for name in names if ignored.match_file(_named(Path(folder) / name))]

    return shutil.copytree(ROOT, tmp_path / "pushed", ignore=left_out)


def _named(path: Path) -> str:
    return f"{path.relative_to(ROOT)}{'/' if path.is_dir() else ''}"


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    """What is installed here, without this very package and what says where it is."""
    folder = tmp_path / "installed"
    folder.mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if not path.name.startswith(("warren", "_editable")) and path.suffix != ".pth":
            (folder / path.name).symlink_to(path)
    return folder


def test_the_front_end_starts_from_what_is_pushed(pushed: Path, requirements: Path) -> None:
    assert not (pushed / "loadtests").exists() and (pushed / "stack.yml").exists()
    done = subprocess.run(
        [sys.executable, "-S", "-c", CREATE],
        cwd=pushed,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{pushed}:{requirements}",
            "CELERY_BROKER_URL": "amqp://user:password@rabbit.invalid/warren",
        },
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == __version__
