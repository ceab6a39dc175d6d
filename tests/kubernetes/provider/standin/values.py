"""Values as Pulumi's protocol has them: secrets are wrapped, unknown ones are a certain text, numbers are floats."""

from collections.abc import Iterator
from typing import Any

from google.protobuf import json_format, struct_pb2

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_SIGNATURE, _SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"
Path = tuple[str | int, ...]


def load(struct: struct_pb2.Struct) -> dict[str, Any]:
    """A message's values, with whole numbers as such and without those that are null."""
    return _whole(json_format.MessageToDict(struct))


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_whole(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def dump(value: dict[str, Any]) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    json_format.ParseDict(value, struct)
    return struct


def is_secret(value: Any) -> bool:
    return isinstance(value, dict) and value.get(_SIGNATURE) == _SECRET


def secret(value: Any) -> dict[str, Any]:
    """The value, wrapped so that Pulumi keeps it encrypted."""
    return value if is_secret(value) else {_SIGNATURE: _SECRET, "value": value}


def plain(value: Any) -> Any:
    """The value with every secret in it opened."""
    if is_secret(value):
        return plain(value["value"])
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value


def _any(value: Any, holds: Any) -> bool:
    if holds(value):
        return True
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(_any(each, holds) for each in inside)


def has_unknown(value: Any) -> bool:
    return _any(value, lambda each: isinstance(each, str) and each == UNKNOWN)


def has_secret(value: Any) -> bool:
    return _any(value, is_secret)


def seal(value: Any, pattern: Any) -> Any:
    """Wrap in `value` what is secret in `pattern`."""
    if is_secret(pattern):
        return secret(plain(value))
    if isinstance(value, dict) and isinstance(pattern, dict):
        return {key: seal(each, pattern.get(key)) for key, each in value.items()}
    if isinstance(value, list) and isinstance(pattern, list):
        if len(value) != len(pattern):  # no telling which is which
            return secret(value) if has_secret(pattern) else value
        return [seal(each, like) for each, like in zip(value, pattern, strict=True)]
    return value


def differences(old: Any, new: Any, at: Path = ()) -> Iterator[tuple[Path, str]]:
    """(path, `add` | `delete` | `update`) for each leaf that differs."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            if key not in new:
                yield (*at, key), "delete"
            elif key not in old:
                yield (*at, key), "add"
            else:
                yield from differences(old[key], new[key], (*at, key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (left, right) in enumerate(zip(old, new, strict=True)):
            yield from differences(left, right, (*at, index))
    elif old != new:
        yield at, "update"


def spell(path: Path) -> str:
    """A path as Pulumi writes it: `spec.template.metadata.labels["app.kubernetes.io/name"]`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step.replace("_", "").isalnum():
            text += f".{step}" if text else step
        else:
            text += f'["{step}"]'
    return text
