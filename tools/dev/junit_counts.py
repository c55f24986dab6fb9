"""Counts the test cases in JUnit XML files, as written by ctest and by pytest."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Counts:
    """How many test cases ended how."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped
        )

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def _outcome(case: ElementTree.Element) -> Counts:
    if case.find("failure") is not None or case.find("error") is not None:
        return Counts(failed=1)
    skipped = case.find("skipped")
    # ctest calls a test skipped when its program was never built; that is a failure.
    if skipped is not None and "Unable to find executable" in skipped.get("message", ""):
        return Counts(failed=1)
    if skipped is not None or case.get("status") == "disabled":
        return Counts(skipped=1)
    return Counts(passed=1)


def _cases(folder: Path) -> Iterator[ElementTree.Element]:
    for path in sorted(folder.glob("*.xml")):
        try:
            yield from ElementTree.parse(path).getroot().iter("testcase")
        except (OSError, ElementTree.ParseError) as error:
            unreadable = ElementTree.Element("testcase", name=path.name)
            ElementTree.SubElement(unreadable, "error", message=str(error))
            yield unreadable


def count_folder(folder: Path) -> Counts:
    """Sums over all *.xml files in a folder; a file that cannot be read is one failure."""
    return sum((_outcome(case) for case in _cases(folder)), Counts())


def _reason(case: ElementTree.Element) -> str:
    """Why a case was skipped, in the words of the test where it gave any."""
    lines = (case.findtext("system-out") or "").splitlines()
    for line, following in zip(lines, lines[1:]):
        if line.endswith(": Skipped"):
            return following.strip()
    skipped = case.find("skipped")
    return "disabled" if skipped is None else skipped.get("message", "")


def skip_reasons(folder: Path) -> dict[str, int]:
    """Each reason to skip, with the number of cases that gave it."""
    reasons: dict[str, int] = {}
    for case in _cases(folder):
        if _outcome(case).skipped:
            reason = _reason(case)
            reasons[reason] = reasons.get(reason, 0) + 1
    return reasons


def failed_names(folder: Path) -> list[str]:
    """The names of the failed cases."""
    return [case.get("name", "?") for case in _cases(folder) if _outcome(case).failed]


if __name__ == "__main__":
    print(sum((count_folder(Path(argument)) for argument in sys.argv[1:]), Counts()))
