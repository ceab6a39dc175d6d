"""The key of the session cookies: one for all processes that belong together."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from app.settings import Settings
from app.web.sessions import session_key


def settings(folder: Path, token: str | None = None) -> Settings:
    return Settings(warren_data_dir=folder, warren_token=token, _env_file=None)


def test_processes_with_one_data_folder_share_it(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: session_key(settings(tmp_path / "data")), range(50)))
    assert len(keys) == 1
    assert len(keys.pop()) == 32
    assert [file.name for file in (tmp_path / "data").iterdir()] == ["session-key"]
    assert (tmp_path / "data/session-key").stat().st_mode & 0o077 == 0
    assert session_key(settings(tmp_path / "other")) != session_key(settings(tmp_path / "data"))


def test_hosts_with_one_token_share_it(tmp_path: Path) -> None:
    here, there = (session_key(settings(tmp_path / name, "token")) for name in ("here", "there"))
    assert here == there != session_key(settings(tmp_path, "another"))
    assert not (tmp_path / "here").exists()
