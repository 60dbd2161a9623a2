"""JUnit XML: the verdicts of tests as CI servers read them (Jenkins, GitLab)."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from xml.etree import ElementTree as ET

from documents.lines import printable
from hookline.answers.annotations import path_in_repository
from hookline.answers.testing import Verdict

__all__ = ["junit"]


def junit(verdicts: Sequence[Verdict]) -> str:
    """A document with one test case for each expectation; the same verdicts give the same bytes."""
    counts = {
        "tests": str(len(verdicts)),
        "failures": str(sum(not each.passed and each.readable for each in verdicts)),
        "errors": str(sum(not each.readable for each in verdicts)),
        "skipped": "0",
    }
    root = ET.Element("testsuites", counts)
    suite = ET.SubElement(root, "testsuite", {"name": "hookline test", **counts})
    for each in verdicts:
        _case(suite, each)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, "unicode")}\n'


def _case(suite: ET.Element, each: Verdict) -> None:
    file = path_in_repository(each.position.file)
    # Readers take a class name for a package and a class, divided by dots.
    name = ".".join(PurePosixPath(file).with_suffix("").parts).lstrip("/.")
    case = ET.SubElement(
        suite,
        "testcase",
        {
            "classname": printable(name),
            "name": printable(f"{each.name}: {each.pipeline}"),
            "file": printable(file),
            "line": str(each.position.line),
        },
    )
    if not each.passed:
        kind, what = ("failure", "verdict") if each.readable else ("error", "event")
        message = printable(f"expected {each.expected}, got {each.found}")
        ET.SubElement(case, kind, {"message": message, "type": what}).text = printable(
            f"{each.position}: {message}"
        )
