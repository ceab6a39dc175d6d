"""`python -m tests.engine COMMAND…`: run it with a Docker engine that is there for as long as it runs."""

import os
import subprocess
import sys

from .engine import Engine, EngineError


def main() -> int:
    """The command's exit code. It finds the engine by DOCKER_HOST."""
    try:
        with Engine() as engine:
            return subprocess.run(sys.argv[1:], env=os.environ | engine.environment).returncode
    except EngineError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
