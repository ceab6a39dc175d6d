"""Downloading one file: `--download-url`, or the front end's own health page, which needs WARREN_DOWNLOAD_PRIVATE."""

import random

from loadtests.scenarios import Call, Target


def call(rng: random.Random, target: Target) -> Call:
    return Call("download", [target.download_url or f"{target.host}/healthz"])
