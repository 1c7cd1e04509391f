"""Reads reports in JUnit's form, which most test runners write. Whoever wrote them is not believed to mean well."""

import os
import re
import stat
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Literal
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException  # type: ignore[import-untyped]
from defusedxml.ElementTree import iterparse  # type: ignore[import-untyped]
from msgspec import Struct

_LARGEST = 64 << 20
_MOST_CASES = 200_000
_LONGEST = 4000
_PLACE = re.compile(r"^(?:\s*File \"([^\"\n]+)\", line (\d+)|([^\s:\n][^:\n]*):(\d+):)", re.MULTILINE)

Result = Literal["passed", "failed", "error", "skipped"]


class Case(Struct, frozen=True, kw_only=True):
    """One test, and how it went."""

    name: str
    group: str
    result: Result
    file: str | None = None
    line: int | None = None
    message: str = ""
    details: str = ""


class Results(Struct, frozen=True, kw_only=True):
    """All tests that a report tells of."""

    cases: tuple[Case, ...] = ()
    """Those that failed, or broke."""
    counts: dict[Result, int] = {}
    files: tuple[str, ...] = ()
    """Where the tests are, as far as the report says."""

    @property
    def total(self) -> int:
        """How many tests there are."""
        return sum(self.counts.values())


class Unreadable(Exception):
    """The report is missing, too large, or no report."""


def read(paths: Iterable[Path], root: Path) -> Results:
    """The results in these reports. Raises `Unreadable`."""
    failures: list[Case] = []
    counts: Counter[Result] = Counter()
    files: set[str] = set()
    for path in paths:
        try:
            with _opened(path) as report:
                for _, element in iterparse(report, events=("end",), forbid_dtd=True):
                    if element.tag.rpartition("}")[2] != "testcase":
                        continue
                    case = _case(element, root)
                    counts[case.result] += 1
                    if case.file is not None:
                        files.add(case.file)
                    if case.result in {"failed", "error"}:
                        failures.append(case)
                    element.clear()
                    if counts.total() > _MOST_CASES:
                        raise Unreadable(f"The report tells of more than {_MOST_CASES} tests")
        except OSError as error:
            raise Unreadable(f"There is no report: {error.strerror}") from None
        except (ParseError, DefusedXmlException, UnicodeError) as error:
            raise Unreadable(f"The report cannot be read as JUnit's XML: {error}") from None
    return Results(cases=tuple(failures), counts=dict(counts), files=tuple(sorted(files)))


def _opened(path: Path) -> BinaryIO:
    """The file itself: no link, and nothing that one would wait for."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    file = os.fdopen(fd, "rb")
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST:
        file.close()
        raise Unreadable(f"The report is no file, or larger than {_LARGEST >> 20} MiB")
    return file


def _case(element: Element, root: Path) -> Case:
    result: Result = "passed"
    message = details = ""
    for child in element:
        tag = child.tag.rpartition("}")[2]
        if tag in {"failure", "error"}:
            result = "failed" if tag == "failure" else "error"
            message, details = child.get("message") or "", child.text or ""
            break
        if tag == "skipped":
            result = "skipped"
    file, line = _place(element, details, root)
    return Case(
        name=element.get("name", "")[:500],
        group=element.get("classname", "")[:500],
        result=result,
        file=file,
        line=line,
        message=message.strip()[:_LONGEST],
        details=details.strip()[-_LONGEST:],
    )


def _place(element: Element, details: str, root: Path) -> tuple[str | None, int | None]:
    """The test's file, and the last line of it that the failure names; else where the test begins."""
    file = _inside(element.get("file"), root) or _by_class(element.get("classname", ""), root)
    named = [(_inside(found[1] or found[3], root), int(found[2] or found[4])) for found in _PLACE.finditer(details)]
    for where, line in reversed(named):
        if where is not None and (file is None or where == file):
            return where, line
    said = element.get("line", "")
    return file, int(said) + 1 if said.isdigit() else None


def _inside(path: str | None, root: Path) -> str | None:
    """The path from the repository's top folder, when it is a file below it."""
    if not path or "\0" in path or len(path) > 1000:
        return None
    full = os.path.normpath(os.path.join(root, path))
    return os.path.relpath(full, root) if full.startswith(f"{root}{os.sep}") and os.path.isfile(full) else None


def _by_class(group: str, root: Path) -> str | None:
    """The file of a Python module or class, by its dotted name."""
    parts = group.split(".")
    for length in range(len(parts), 0, -1):
        found = _inside("/".join(parts[:length]) + ".py", root)
        if found is not None:
            return found
    return None
