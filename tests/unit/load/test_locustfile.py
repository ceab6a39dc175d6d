"""What the locustfile sees to before a run begins."""

import subprocess
import sys
from pathlib import Path

LATE_LOOK = """
import time
from loadtests import locustfile
import gevent
from types import SimpleNamespace

gevent.sleep(0.01)
begun = time.monotonic()
while time.monotonic() < begun + 1:  # as imports do: without a turn for the loop
    pass
locustfile.register(SimpleNamespace(runner=None, parsed_options=None))
begun = time.monotonic()
gevent.spawn_later(0.5, print, "the time is over").join()
print("after", time.monotonic() - begun)
"""


def test_a_run_is_as_long_as_t_says_however_long_its_start_took():
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", LATE_LOOK], cwd=root, capture_output=True, text=True, timeout=60)
    assert float(done.stdout.split()[-1]) >= 0.5, done.stdout + done.stderr
