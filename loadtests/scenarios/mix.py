"""A bit of everything a stack carries: mostly short tasks, some that wait, few that compute or take long."""

import random

from loadtests.scenarios import Call, Target

CALLS = (
    (70, Call("noop")),
    (20, Call("add", [2, 3])),
    (7, Call("sleep", [0.05])),
    (2.9, Call("cpu", [0.02])),
    (0.1, Call("longtime_add", [2, 3])),
)
WEIGHTS = [weight for weight, _ in CALLS]


def call(rng: random.Random, target: Target) -> Call:
    return rng.choices(CALLS, WEIGHTS)[0][1]
