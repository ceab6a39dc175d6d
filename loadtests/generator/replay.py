"""Arrivals read from a user's own traffic: a CSV file with the columns time, task and args.

    time,task,args
    0.00,noop,
    0.25,add,"[2, 3]"
    2026-11-21T12:00:01.5Z,download,"{""url"": ""https://example.org/file""}"

`time`: seconds, or an ISO 8601 instant, one way in the whole file; only differences count. `args`: a JSON list of
positional or a JSON object of keyword arguments, or nothing.
"""

import csv
import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from loadtests.generator.schedule import Arrival
from loadtests.scenarios import Call

COLUMNS = ("time", "task", "args")


class BadReplay(ValueError):
    """The file cannot be replayed; the text names the line."""


def read(path: Path) -> list[Arrival]:
    """Every arrival, in order of time, the first at 0. Raises BadReplay; nothing is sent of a file with a bad line."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = sorted(_rows(path, file), key=lambda row: row[0])
    except OSError as error:
        raise BadReplay(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadReplay(f"{path}: this is not UTF-8 text") from error
    if not rows:
        raise BadReplay(f"{path}: there is no arrival in it")
    first = rows[0][0]
    return [Arrival(index, at - first, call) for index, (at, call) in enumerate(rows)]


def _rows(path: Path, file: Iterator[str]) -> Iterator[tuple[float, Call]]:
    reader = csv.DictReader(file)
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or [])]
    if missing:
        raise BadReplay(f"{path}: line 1: no column {', '.join(missing)}; the first line must be {','.join(COLUMNS)}")
    try:
        for row in reader:
            try:
                yield _seconds(row["time"] or ""), _call(row["task"] or "", row["args"] or "")
            except ValueError as error:
                raise BadReplay(f"{path}: line {reader.line_num}: {error}") from error
    except csv.Error as error:
        raise BadReplay(f"{path}: line {reader.line_num}: {error}") from error


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        try:
            instant = datetime.fromisoformat(text.strip())
        except ValueError:
            raise ValueError(f"time is {text!r}; write seconds or an ISO 8601 instant") from None
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()
    if not math.isfinite(seconds):
        raise ValueError(f"time is {text!r}; write seconds or an ISO 8601 instant")
    return seconds


def _call(task: str, text: str) -> Call:
    if not task.strip():
        raise ValueError("the task has no name")
    try:
        args = json.loads(text) if text.strip() else []
    except json.JSONDecodeError as error:
        raise ValueError(f"args is not JSON: {error}") from None
    if isinstance(args, dict):
        return Call(task.strip(), [], args)
    if not isinstance(args, list):
        raise ValueError(f"args is {text!r}; write a JSON list, or an object of keyword arguments")
    return Call(task.strip(), args)
