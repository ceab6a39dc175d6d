"""GenDog's task: pictures of a breed, asked of the Dog API that the workers are configured with (WARREN_DOG_API)."""

import random

from loadtests.scenarios import Call, Target

BREEDS = ("beagle", "boxer", "hound/afghan", "husky", "pug", "terrier/irish")


def call(rng: random.Random, target: Target) -> Call:
    return Call("get_dog_pics", [rng.choice(BREEDS), rng.randint(1, 5)])
