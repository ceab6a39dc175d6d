"""Adding two random numbers: a short task whose result is kept."""

import random

from loadtests.scenarios import Call, Target


def call(rng: random.Random, target: Target) -> Call:
    return Call("add", [rng.randint(0, 1000), rng.randint(0, 1000)])
