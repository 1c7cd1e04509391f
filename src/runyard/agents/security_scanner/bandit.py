"""Insecure Python by bandit: all of its tests, and nobody's configuration."""

import importlib.metadata
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from runyard.agents.code_reviewer.analysers.ruff import portions
from runyard.agents.code_reviewer.files import SourceFile
from runyard.agents.code_reviewer.findings import Draft, Severity
from runyard.agents.errors import MemoryLimit, ToolFailed

CONFIDENCE = {"low": 0, "medium": 1, "high": 2}
_SEVERITY: dict[str, Severity] = {"high": "error", "medium": "warning", "low": "info"}
_LOWERED: dict[Severity, Severity] = {"error": "warning", "warning": "info", "info": "info"}
# To import what can start processes is no fault; the calls themselves are looked at.
_IGNORED = {"B404"}
# A test asserts, makes up passwords and dice, writes to temporary folders and starts its own programs.
_IGNORED_IN_TESTS = {"B101", "B105", "B106", "B107", "B108", "B110", "B113", "B311", "B603", "B604", "B607", "B608"}


class _Weakness(Struct, frozen=True):
    id: int | None = None


class _Result(Struct, frozen=True):
    filename: str
    line_number: int
    test_id: str
    issue_severity: str
    issue_confidence: str
    issue_text: str
    more_info: str = ""
    issue_cwe: _Weakness = _Weakness()


class _Answer(Struct, frozen=True):
    results: list[_Result]


class Bandit:
    """Insecure calls, settings and idioms in Python files."""

    name = "bandit"
    batch = 100

    def __init__(self, min_confidence: str = "low") -> None:
        self._least = CONFIDENCE[min_confidence]

    @property
    def version(self) -> str:
        return importlib.metadata.version("bandit")

    def wants(self, file: SourceFile) -> bool:
        return file.is_python and file.lines > 0 and not file.path.endswith(".pyi")

    def analyse(self, files: Sequence[SourceFile]) -> Iterator[Draft]:
        root = Path(files[0].root)
        tests = {file.path for file in files if file.is_test}
        for paths in portions(file.path for file in files):
            for result in _check(root, paths):
                path = os.path.relpath(root / result.filename, root)
                ignored = _IGNORED | _IGNORED_IN_TESTS if path in tests else _IGNORED
                if CONFIDENCE.get(result.issue_confidence.lower(), 0) >= self._least and result.test_id not in ignored:
                    yield _draft(path, result)


def _check(root: Path, paths: list[str]) -> list[_Result]:
    done = subprocess.run(
        # Files are named one by one: below a folder, bandit would look for a configuration and believe it.
        [sys.executable, "-P", "-m", "bandit", "--format=json", "--quiet", "--exit-zero", "--", *paths],
        cwd=root,
        env={name: value for name, value in os.environ.items() if name in {"PATH", "PYTHONPATH", "LC_ALL", "LANG"}},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        complaint = done.stderr.decode("utf-8", "replace").strip()
        if "MemoryError" in complaint:
            raise MemoryLimit("bandit needed more memory than the scan may use")
        raise ToolFailed(f"bandit ended with {done.returncode}: {complaint[-500:]}")
    try:
        return msgspec.json.decode(done.stdout, type=_Answer).results
    except msgspec.DecodeError as error:
        raise ToolFailed(f"bandit's answer could not be read: {error}") from None


def _draft(path: str, result: _Result) -> Draft:
    severity = _SEVERITY.get(result.issue_severity.lower(), "info")
    weakness = f" (CWE-{result.issue_cwe.id})" if result.issue_cwe.id else ""
    return Draft(
        severity=_LOWERED[severity] if result.issue_confidence.lower() == "low" else severity,
        type="security",
        rule=f"bandit:{result.test_id}",
        file=path,
        line=result.line_number,
        message=f"{result.issue_text.strip()}{weakness}",
        suggestion=f"See {result.more_info}" if result.more_info else "",
    )
