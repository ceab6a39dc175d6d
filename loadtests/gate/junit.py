"""Verdicts as JUnit XML, which CI systems show: a test case for each objective."""

import xml.etree.ElementTree as Xml
from pathlib import Path

from loadtests.gate.slo import Outcome, Verdict

# What is not met failed; what cannot be told is an error of the question.
ELEMENTS = {Outcome.NOT_MET: "failure", Outcome.CANNOT_TELL: "error"}


def write(path: Path, suite: str, verdicts: list[Verdict]) -> None:
    """Write the file. Raises OSError."""
    counts = {f"{kind}s": sum(each.outcome is outcome for each in verdicts) for outcome, kind in ELEMENTS.items()}
    root = Xml.Element("testsuites")
    tests = Xml.SubElement(root, "testsuite", name="warren gate", tests=str(len(verdicts)))
    tests.attrib |= {name: str(count) for name, count in counts.items()}
    for verdict in verdicts:
        case = Xml.SubElement(tests, "testcase", classname=suite, name=verdict.objective)
        if kind := ELEMENTS.get(verdict.outcome):
            Xml.SubElement(case, kind, message=_plain(verdict.reason))
        else:
            Xml.SubElement(case, "system-out").text = _plain(verdict.reason)
    Xml.indent(root)
    Xml.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _plain(text: str) -> str:
    """Without what XML cannot hold."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in text)
