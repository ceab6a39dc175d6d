"""Which of Locust's workers count as lost. In a process of its own: Locust patches the one that it is imported into."""

import json
import subprocess
import sys

PROGRAM = """
import json
from types import SimpleNamespace
from locust.runners import STATE_MISSING, STATE_RUNNING
from loadtests.generator.generators import HALTED, PLAN_ENDED, Generators

one, two, three = (SimpleNamespace(id=name, state=STATE_RUNNING) for name in ("one", "two", "three"))
clients = SimpleNamespace(all=[one, two, three], ready=[one, two, three])
generators = Generators(SimpleNamespace(clients=clients), "run", None, 0.0)
two.state = three.state = STATE_MISSING
generators.look()
two.state = three.state = STATE_RUNNING
for worker in ("one", "three"):
    generators.told(worker, PLAN_ENDED, {})
for worker in ("one", "two", "three"):
    generators.told(worker, HALTED, {"accepted": 1, "unknown": []})
print(json.dumps([each["generator"] for each in generators.lost()]))
"""


def test_one_that_was_given_up_and_came_back_counts_only_with_all_of_its_share():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["two"]
