"""The spool: an appended line is there whatever happens to its process, and sending goes on where it was left off."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app.records.lock import Taken
from app.records.spool import Folder, Segment, Spool


def lines(folder: Path) -> list[bytes]:
    return sorted(line for path in folder.glob("*.lines") for line in path.read_bytes().splitlines())


def in_child(action: object) -> None:
    """Run in a forked process that is killed right afterwards."""
    pid = os.fork()
    if pid == 0:
        action()  # type: ignore[operator]
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)


def test_a_killed_process_loses_no_line(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(b"parent\n")
    in_child(lambda: [spool.append(b"child %d\n" % number) for number in range(3)])
    spool.append(b"parent again\n")
    assert lines(tmp_path) == [b"child 0", b"child 1", b"child 2", b"parent", b"parent again"]


def test_a_segment_is_finished_only_when_nobody_can_add_to_it(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(b"one\n")
    segment = Segment(next(tmp_path.glob("*.lines")))
    body = segment.read(1000)
    segment.sent(len(body))
    assert body == b"one\n" and not segment.finished()
    in_child(lambda: None)  # a child that never wrote must not keep it
    spool.append(b"two\n")
    spool.close()
    assert not segment.finished(), "a line was not sent yet"
    segment.sent(len(segment.read(1000)))
    assert segment.finished()
    segment.remove()
    assert list(tmp_path.iterdir()) == []


def test_sending_goes_on_where_a_predecessor_stopped(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for number in range(4):
        spool.append(b"%d\n" % number)
    path = next(tmp_path.glob("*.lines"))
    first = Segment(path)
    assert first.read(5) == b"0\n1\n", "whole lines only"
    first.sent(4)
    assert Segment(path).read(1000) == b"2\n3\n"


def test_a_note_that_a_power_cut_spoiled_sends_twice_rather_than_never(tmp_path: Path) -> None:
    Spool(tmp_path).append(b"one\n")
    path = next(tmp_path.glob("*.lines"))
    path.with_suffix(".sent").write_bytes(b"\0" * 20)
    assert Segment(path).read(1000) == b"one\n"


def test_a_segment_that_cannot_be_opened_does_not_keep_up_the_others(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "fast-0")
    (folder.path / "0.lines").symlink_to(tmp_path / "nowhere")
    Spool(folder.path).append(b"one\n")
    assert [segment.read(1000) for segment in folder.segments()] == [b"one\n"]
    assert [segment.read(1000) for segment in folder.segments()] == [b"one\n"]


def test_a_long_spool_is_cut_into_segments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.records.spool.SEGMENT", 50)
    spool = Spool(tmp_path)
    for _ in range(20):
        spool.append(b"123456789\n")
    assert len(list(tmp_path.glob("*.lines"))) > 2 and len(lines(tmp_path)) == 20


def test_a_folder_belongs_to_one_process_at_a_time(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "fast-0")
    with pytest.raises(Taken):
        Folder(tmp_path / "fast-0")
    folder.close()
    Folder(tmp_path / "fast-0").close()


def test_a_dead_owners_folder_is_free_although_its_child_lives_on(tmp_path: Path) -> None:
    code = f"""
import os, time
from pathlib import Path
from app.records.spool import Folder
folder = Folder(Path({str(tmp_path / "fast-0")!r}))
if os.fork() == 0:
    print("up", flush=True)
    time.sleep(20)
    os._exit(0)
time.sleep(20)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True) as owner:
        try:
            assert owner.stdout and owner.stdout.readline() == b"up\n"
            os.kill(owner.pid, signal.SIGKILL)
            owner.wait()
            Folder(tmp_path / "fast-0").close()
        finally:
            os.killpg(owner.pid, signal.SIGKILL)


def test_a_full_disk_tears_no_line_and_what_waits_is_written_later(tmp_path: Path) -> None:
    def full() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        spool = Spool(tmp_path)
        spool.append(b"fits\n")
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (8, hard))
        spool.append(b"does not fit\n")
        spool.append(b"nor this\n")
        assert lines(tmp_path) == [b"fits"]
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        spool.append(b"fits again\n")

    in_child(full)
    assert lines(tmp_path) == [b"does not fit", b"fits", b"fits again", b"nor this"]
