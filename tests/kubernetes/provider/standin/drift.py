"""What others changed of an object of ours."""

import base64
import copy
from typing import Any

from .api import ApiError, Cluster, Manifest
from .values import Path, differences

# Written by the API server; no business of ours.
SERVERS = ("managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink")
_MISSING = object()


def drifted(inputs: Manifest, live: Manifest, cluster: Cluster) -> Manifest:
    """The inputs as they would have to be for the live object to be what comes of them.

    Compared is the live object with what a dry run of the inputs would make of it: so defaults, and other spellings of
    the same, are no differences.
    """
    try:
        ours = cluster.apply(inputs, dry_run=True)
    except ApiError:
        return inputs
    inputs, live, ours = copy.deepcopy(inputs), without_servers(live), without_servers(ours)
    for path, _ in differences(live, ours):
        if path[0] != "status":
            _put(inputs, *_as_given(inputs, path, _at(live, path)))
    return inputs


def without_servers(manifest: Manifest) -> Manifest:
    """Without what the API server itself keeps there."""
    metadata = {key: value for key, value in manifest["metadata"].items() if key not in SERVERS}
    return {**manifest, "metadata": metadata}


def _at(value: Any, path: Path) -> Any:
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return _MISSING
    return value


def _as_given(inputs: Manifest, path: Path, value: Any) -> tuple[Path, Any]:
    """A Secret's data, where it was given as stringData."""
    if path[0] != "data" or inputs.get("kind") != "Secret" or "stringData" not in inputs:
        return path, value
    if isinstance(value, str):
        value = base64.b64decode(value).decode("utf-8", "replace")
    elif isinstance(value, dict):
        value = {key: base64.b64decode(text).decode("utf-8", "replace") for key, text in value.items()}
    return ("stringData", *path[1:]), value


def _put(inputs: Manifest, path: Path, value: Any) -> None:
    """Only below what we gave: the rest of the object belongs to others."""
    parent = _at(inputs, path[:-1])
    last = path[-1]
    if isinstance(parent, dict):
        if value is _MISSING:
            parent.pop(last, None)
        else:
            parent[last] = value
    elif isinstance(parent, list) and isinstance(last, int) and last < len(parent) and value is not _MISSING:
        parent[last] = value
