"""Runs the tests of the folder it stands in by unittest and writes a report in JUnit's form.

A program for whichever Python the repository uses, 3.8 or newer: it imports the standard library only.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
import unittest
from typing import Any
from xml.etree import ElementTree


class Report(unittest.TextTestResult):
    """Keeps how every test went."""

    def __init__(self, stream: Any, descriptions: bool, verbosity: int) -> None:
        super().__init__(stream, descriptions, verbosity)
        self.suite = ElementTree.Element("testsuite", name="unittest")
        self._began: dict[str, float] = {}

    def startTest(self, test: unittest.TestCase) -> None:  # noqa: N802
        super().startTest(test)
        self._began[test.id()] = time.monotonic()

    def addSuccess(self, test: unittest.TestCase) -> None:  # noqa: N802
        super().addSuccess(test)
        self._case(test)

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:  # noqa: N802
        super().addSkip(test, reason)
        ElementTree.SubElement(self._case(test), "skipped", message=clean(reason))

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802
        super().addFailure(test, err)
        self._trouble(test, err, "failure")

    def addError(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802
        super().addError(test, err)
        self._trouble(test, err, "error")

    def addExpectedFailure(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802
        super().addExpectedFailure(test, err)
        self._case(test)

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:  # noqa: N802
        super().addUnexpectedSuccess(test)
        ElementTree.SubElement(self._case(test), "failure", message="It was expected to fail, and passed")

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:  # noqa: N802
        super().addSubTest(test, subtest, err)
        if err is not None:
            kind = "failure" if issubclass(err[0], test.failureException) else "error"
            self._trouble(subtest, err, kind)

    def _trouble(self, test: unittest.TestCase, error: Any, kind: str) -> None:
        text = "".join(traceback.format_exception(*error))
        told = ElementTree.SubElement(self._case(test), kind, message=clean(f"{error[0].__name__}: {error[1]}"))
        told.text = clean(text)

    def _case(self, test: unittest.TestCase) -> ElementTree.Element:
        group, _, name = test.id().rpartition(".")
        seconds = time.monotonic() - self._began.get(test.id(), time.monotonic())
        attributes = {"name": clean(name), "classname": clean(group), "time": f"{seconds:.3f}"}
        module = sys.modules.get(type(test).__module__)
        file = getattr(module, "__file__", None)
        if file and not test.id().startswith("unittest."):
            attributes["file"] = file
        return ElementTree.SubElement(self.suite, "testcase", attributes)


def clean(text: str) -> str:
    """Without characters that XML cannot hold."""
    return "".join(letter if holds(letter) else "?" for letter in text)


def holds(letter: str) -> bool:
    """Whether XML can hold this character."""
    return letter in "\t\n" or (letter >= " " and not "\ud800" <= letter < "\ue000" and letter not in "\ufffe\uffff")


def main() -> int:
    """Discover, run, report; the code is 1 when a test failed."""
    target = sys.argv[1]
    sys.path[0] = os.getcwd()
    suite = unittest.TestLoader().discover(".")
    for folder in ("tests", "test"):
        if suite.countTestCases() == 0 and os.path.isdir(folder):
            suite = unittest.TestLoader().discover(folder, top_level_dir=folder)
    result = unittest.TextTestRunner(resultclass=Report, verbosity=1).run(suite)
    assert isinstance(result, Report)
    ElementTree.ElementTree(result.suite).write(target, encoding="utf-8", xml_declaration=True)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
