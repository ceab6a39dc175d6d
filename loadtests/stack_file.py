"""Changes values in a stack.yml and nothing else: comments and order stay, and what comes out is judged again."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from app.contract import ContractError, parse_contract
from loadtests import documents

# Section, such as `pools.fast` → key → its value as YAML has it; None: without that key.
Changes = Mapping[str, Mapping[str, str | int | None]]
_Edit = tuple[int, int, str]


class CannotChange(Exception):
    """The text cannot be changed in place, or the file not written; the message says what to do by hand."""


def changed(text: str, source: Path, changes: Changes) -> str:
    """The text with these values. Raises ContractError for a text that is not accepted, CannotChange otherwise."""
    expected = parse_contract(text, source).model_dump(mode="json")
    text = text if text.endswith("\n") else f"{text}\n"
    root: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    edits: list[_Edit] = []
    for section, values in changes.items():
        node, place = root, expected
        for step in section.split("."):
            node = next((value for key, value in node.value if key.value == step), None)
            if not isinstance(node, yaml.MappingNode):
                raise CannotChange(f"{source}: there is no {section} whose values could be changed")
            place = place[step]
        place.update(values)
        edits += _edits(text, node, values, CannotChange(f"{source}: {_by_hand(section, values)}"))
    after = text
    # From the end on, so that the places before stay where they are.
    for begin, end, new in sorted(edits, reverse=True):
        after = after[:begin] + new + after[end:]
    by_hand = "; ".join(_by_hand(section, values) for section, values in changes.items())
    try:
        found = parse_contract(after, source).model_dump(mode="json")
    except ContractError as error:
        raise CannotChange(f"{source}: {by_hand}. It would not be accepted: {error}") from error
    if found != expected:
        raise CannotChange(f"{source}: {by_hand}")
    return after


def difference(before: str, after: str, source: Path, what: str) -> str:
    """A unified diff; empty when they are the same. `what` says what the second one is."""
    lines = difflib.unified_diff(
        before.splitlines(True), after.splitlines(True), str(source), f"{source} ({what})", n=2
    )
    return "".join(lines)


def write(source: Path, text: str) -> None:
    """Replace the file, whole or not at all; its mode stays. Raises CannotChange."""
    try:
        documents.write_text(source, text)
    except OSError as error:
        raise CannotChange(f"{source} cannot be written: {error.strerror}; it is as it was") from error


def _edits(text: str, node: Any, values: Mapping[str, Any], refusal: CannotChange) -> list[_Edit]:
    """PyYAML's marks count characters: values are replaced where they stand, keys come and go by lines."""
    there = {key.value: (key, value) for key, value in node.value}
    edits: list[_Edit] = []
    new = []
    for name, value in values.items():
        if name not in there:
            new += [] if value is None else [f"{name}: {value}"]
            continue
        key, old = there[name]
        if not isinstance(old, yaml.ScalarNode) or (value is None and node.flow_style):
            raise refusal
        if value is None:
            edits.append((_line(text, key), _after(text, old), ""))
        else:
            edits.append((old.start_mark.index, old.end_mark.index, str(value)))
    if new:
        last = next((each for each in reversed(node.value) if isinstance(each[1], yaml.ScalarNode)), None)
        if node.flow_style or last is None:
            raise refusal
        indent = " " * last[0].start_mark.column
        place = _after(text, last[1])
        edits.append((place, place, "".join(f"{indent}{line}\n" for line in new)))
    return edits


def _line(text: str, node: Any) -> int:
    """Where the line of a node begins."""
    return text.rfind("\n", 0, node.start_mark.index) + 1


def _after(text: str, node: Any) -> int:
    """Where the line after a node begins."""
    return text.index("\n", node.end_mark.index) + 1


def _by_hand(section: str, values: Mapping[str, Any]) -> str:
    keys = ", ".join(f"{section}.{name}" for name in values)
    told = ", ".join(f"no {name}" if value is None else f"{name}: {value}" for name, value in values.items())
    return f"{keys} cannot be changed alone (an anchor?); write {told} by hand"
