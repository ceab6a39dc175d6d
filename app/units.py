"""Durations and sizes as people write them in stack.yml: `500ms`, `30s`, `5m`, `1h`, `1d`; `64KB`, `300MB`, `1GB`."""

import re
from typing import Annotated

from pydantic import BeforeValidator, ByteSize, PlainSerializer

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
# Of two that are exact, the first is written.
_BYTES = {"GB": 10**9, "MB": 10**6, "KB": 1000, "GiB": 2**30, "MiB": 2**20, "KiB": 2**10}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")


def parse_duration(value: object) -> float:
    """Seconds from a duration such as `30s`. ValueError when there is no unit or the value is not positive."""
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if not match or not float(match[1]):
        raise ValueError(f"{value!r} is not a duration above zero; write a number and a unit: 500ms, 30s, 5m, 1h, 1d")
    return float(match[1]) * _SECONDS[match[2]]


def format_duration(seconds: float) -> str:
    """The shortest exact way to write a duration: 5400.0 → `90m`."""
    for unit in ("d", "h", "m", "s"):
        count = seconds / _SECONDS[unit]
        if count >= 1 and count == int(count):
            return f"{int(count)}{unit}"
    return f"{round(seconds * 1000)}ms"


def format_size(size: int) -> str:
    """An exact way to write a size: 1250000000 → `1250MB`, 65536 → `64KiB`."""
    return next((f"{size // bytes_}{unit}" for unit, bytes_ in _BYTES.items() if size % bytes_ == 0), f"{size}B")


def _size_as_text(value: object) -> object:
    if isinstance(value, str) and value.strip():
        return value
    raise ValueError(f"{value!r} is not a size; write a number and a unit: 64KB, 300MB, 1GB")


Duration = Annotated[
    float, BeforeValidator(parse_duration), PlainSerializer(format_duration, return_type=str, when_used="json")
]
Size = Annotated[
    ByteSize,
    BeforeValidator(_size_as_text),
    PlainSerializer(format_size, return_type=str, when_used="json"),
]
