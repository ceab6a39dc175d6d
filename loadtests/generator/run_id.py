"""Names of runs."""

import secrets
import time


def new_run_id() -> str:
    """Sorts by time and does not repeat."""
    return time.strftime("%Y%m%d-%H%M%S-") + secrets.token_hex(3)
