"""supervisord's side: what its log says of the children, and how a child is started."""

import json
import subprocess
import sys
from pathlib import Path

from loadtests.local import child, leftovers
from loadtests.local.supervisor import History

LOG = """\
2026-11-21 13:12:01,100 INFO spawned: 'web' with pid 10
2026-11-21 13:12:02,100 INFO success: web entered RUNNING state, process has stayed up for > than 1 seconds (startsecs)
2026-11-21 13:12:03,200 INFO spawned: 'worker-fast-0' with pid 11
2026-11-21 13:12:04,300 WARN exited: worker-fast-0 (terminated by SIGKILL; not expected)
2026-11-21 13:12:05,300 INFO spawned: 'worker-fast-0' with pid 12
2026-11-21 13:12:06,300 INFO exited: worker-fast-0 (exit status 3; not expected)
2026-11-21 13:12:07,300 INFO spawned: 'worker-fast-0' with pid 13
2026-11-21 13:12:08,300 INFO stopped: web (exit status 0)
"""


def test_the_history_tells_crashes_from_stops() -> None:
    history = History.read(LOG)
    assert history.starts == {"web": 1, "worker-fast-0": 3}
    assert history.crashes == {"worker-fast-0": 2}
    assert history.last_exit == {"worker-fast-0": "exit status 3 at 2026-11-21 13:12:06"}
    first = History.read(LOG.partition("2026-11-21 13:12:06")[0])
    assert first.last_exit == {"worker-fast-0": "killed by SIGKILL at 2026-11-21 13:12:04"}


def test_a_child_gets_its_environment_and_folder_but_no_secret_on_its_command_line(tmp_path: Path) -> None:
    show = "import json, os, sys; print(json.dumps([os.environ['SECRET'], os.getcwd(), sys.argv[1:]]))"
    value = "a 'b' \"c\" %(d)s $e,f\nä"
    file = tmp_path / "child 100%.json"
    file.write_text(
        json.dumps(
            {
                "command": [sys.executable, "-c", show, "with space"],
                "environment": {"SECRET": value},
                "directory": str(tmp_path),
            }
        )
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", child.__file__, str(file)], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [value, str(tmp_path), ["with space"]]


def test_only_what_carries_the_mark_is_a_leftover() -> None:
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    with (
        subprocess.Popen(sleep, env={leftovers.MARK: "ours"}) as ours,
        subprocess.Popen(sleep, env={leftovers.MARK: "theirs"}) as theirs,
    ):
        try:
            found = leftovers.marked("ours")
            assert [process.pid for process in found] == [ours.pid]
            ended = leftovers.end(found, grace=5)
            assert len(ended) == 1
            assert f"pid {ours.pid}" in ended[0]
            assert leftovers.marked("ours") == []
            assert theirs.poll() is None
        finally:
            ours.kill()
            theirs.kill()
