"""Files that commands leave for people and for later commands: written whole or not at all, judged when read."""

import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

Document = TypeVar("Document", bound=BaseModel)


def write_text(path: Path, text: str) -> Path:
    """Put a file there, or replace it and keep its mode. Who reads meanwhile sees the one or the other, never half."""
    there = path.resolve()  # of a link, what it leads to
    temporary = there.with_name(f"{there.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    if there.exists():
        temporary.chmod(there.stat().st_mode)
    temporary.replace(there)
    return path


def write(path: Path, document: BaseModel) -> Path:
    """The document as JSON."""
    return write_text(path, document.model_dump_json(indent=1) + "\n")


def newest(results: Path, name: str, cure: str, error: type[Exception]) -> Path:
    """The file of that name in the latest run's folder. Raises `error` with the `cure` where there is none."""
    found = sorted(results.glob(f"*/{name}"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise error(f"{results}: no run in it has a {name}; {cure}")
    return found[-1]


def read(path: Path, kind: type[Document], version: int, command: str, error: type[Exception]) -> Document:
    """A document with a version. Raises `error`, naming the `command` to make one: missing, cut off, outdated."""
    try:
        data: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise error(f"{path}: {problem.strerror}; `{command}` writes one") from problem
    except ValueError as problem:
        raise error(f"{path}: cut off, or not JSON ({problem}); run `{command}` again") from problem
    found = data.get("schema_version", data.get("version")) if isinstance(data, dict) else None
    if found != version:
        raise error(f"{path}: version {found}, and this Warren reads {version}; run `{command}` again")
    try:
        return kind.model_validate(data)
    except ValidationError as problem:
        first = problem.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise error(f"{path}: {where}: {first['msg']}; run `{command}` again") from problem
