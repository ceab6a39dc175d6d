"""Ctrl-C and SIGTERM, so that none gets lost: raised at once, and remembered for the next look of whoever waits.

An exception raised by a signal may land in code that ignores it (a callback, a destructor).
"""

import signal
from typing import Any

_asked = False


def install() -> None:
    """Both signals raise KeyboardInterrupt from now on."""
    signal.signal(signal.SIGINT, _ask)
    signal.signal(signal.SIGTERM, _ask)


def check() -> None:
    """Raise KeyboardInterrupt if one was asked for and has not been taken notice of."""
    if _asked:
        raise KeyboardInterrupt


def noticed() -> None:
    """It is being dealt with: waiting for things to end may go on."""
    global _asked
    _asked = False


def _ask(_number: int, _frame: Any) -> None:
    global _asked
    _asked = True
    raise KeyboardInterrupt
