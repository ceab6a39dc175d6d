"""The addition that takes five seconds: long tasks that occupy a worker process each."""

import random

from loadtests.scenarios import Call, Target


def call(rng: random.Random, target: Target) -> Call:
    return Call("longtime_add", [rng.randint(0, 1000), rng.randint(0, 1000)])
