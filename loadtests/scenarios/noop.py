"""The task that does nothing: what the stack itself costs."""

import random

from loadtests.scenarios import Call, Target


def call(rng: random.Random, target: Target) -> Call:
    return Call("noop")
