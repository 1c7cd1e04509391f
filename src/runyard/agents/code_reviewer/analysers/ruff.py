"""Python by ruff: one process over all files, with our choice of rules and nobody's configuration."""

import ast
import importlib.metadata
import os
import re
import subprocess
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct
from ruff import find_ruff_bin  # type: ignore[import-untyped]

from runyard.agents.code_reviewer.analysers import rules
from runyard.agents.code_reviewer.files import SourceFile
from runyard.agents.code_reviewer.findings import Draft
from runyard.agents.errors import MemoryLimit, ToolFailed

_ARGUMENT_BYTES = 100_000  # of paths to one process; systems take far more, but not without end
_NEWEST = 13  # for a project that does not say: 3.14 would read `except A, B:` of Python 2 as correct
_KNOWN = range(8, 16)
_LOWEST_VERSION = re.compile(r"(?:>=|~=|==|>)\s*3\.(\d+)")


class _Place(Struct, frozen=True):
    row: int
    column: int


class _Fix(Struct, frozen=True):
    message: str | None = None


class _Diagnostic(Struct, frozen=True):
    filename: str
    message: str
    location: _Place
    end_location: _Place
    code: str | None = None
    fix: _Fix | None = None
    url: str | None = None


class Ruff:
    """Bugs, security, style and speed of Python files."""

    name = "ruff"
    batch = 5000

    @property
    def version(self) -> str:
        return importlib.metadata.version("ruff")

    def wants(self, file: SourceFile) -> bool:
        return file.is_python

    def analyse(self, files: Sequence[SourceFile]) -> Iterator[Draft]:
        root = Path(files[0].root)
        options = _options(target_version(root))
        for paths in portions(file.path for file in files):
            yield from _without_echoes(_draft(root, diagnostic) for diagnostic in _check(root, options, paths))


def target_version(root: Path) -> str:
    """The lowest Python that the project says it supports, or a recent one."""
    try:
        project = tomllib.loads((root / "pyproject.toml").read_text("utf-8")).get("project", {})
        found = _LOWEST_VERSION.search(str(project.get("requires-python", "")))
    except (OSError, ValueError, AttributeError):
        found = None  # no such file, or one that is not what it should be: the data analyser says so
    minor = int(found[1]) if found else _NEWEST
    return f"py3{min(max(minor, _KNOWN.start), _KNOWN.stop - 1)}"


def _options(target: str) -> list[str]:
    ignores = ",".join(f"{files}:{rule}" for files in rules.TEST_FILES for rule in rules.IGNORED_IN_TESTS)
    return [
        "check",
        "--isolated",
        "--no-cache",
        "--no-fix",
        "--quiet",
        "--output-format=json",
        f"--target-version={target}",
        f"--select={','.join(rules.SELECTED)}",
        f"--ignore={','.join(rules.IGNORED)}",
        f"--per-file-ignores={ignores}",
        f"--config=lint.mccabe.max-complexity={rules.MOST_BRANCHES}",
    ]


def portions(paths: Iterable[str]) -> Iterator[list[str]]:
    """The paths as arguments for one process each time."""
    portion: list[str] = []
    size = 0
    for path in paths:
        # Behind "./" no path can pass for an option or for a file of arguments.
        argument = f"./{path}"
        if size + len(os.fsencode(argument)) > _ARGUMENT_BYTES and portion:
            yield portion
            portion, size = [], 0
        portion.append(argument)
        size += len(os.fsencode(argument)) + 1
    if portion:
        yield portion


def _check(root: Path, options: list[str], paths: list[str]) -> list[_Diagnostic]:
    done = subprocess.run(
        [find_ruff_bin(), *options, "--", *paths],
        cwd=root,
        # One thread a core and no more than a few: each reserves address space, which the memory limit counts.
        env={"PATH": os.defpath, "RAYON_NUM_THREADS": str(min(os.cpu_count() or 1, 8)), "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode not in {0, 1}:
        complaint = done.stderr.decode("utf-8", "replace").strip()
        if "memory allocation" in complaint or "out of memory" in complaint:
            raise MemoryLimit("ruff needed more memory than the review may use")
        raise ToolFailed(f"ruff ended with {done.returncode}: {complaint[:500]}")
    try:
        return msgspec.json.decode(done.stdout, type=list[_Diagnostic])
    except msgspec.DecodeError as error:
        raise ToolFailed(f"ruff's answer could not be read: {error}") from None


def _without_echoes(drafts: Iterable[Draft]) -> Iterator[Draft]:
    """Only the first syntax error of a file: those after it are mostly its consequences."""
    broken: set[str] = set()
    for draft in drafts:
        if draft.type == "syntax":
            if draft.file in broken:
                continue
            broken.add(draft.file)
        yield draft


def _draft(root: Path, diagnostic: _Diagnostic) -> Draft:
    code = diagnostic.code or "invalid-syntax"
    severity, kind = rules.meaning(code)
    if code == "S608" and _puts_together_constants(diagnostic):
        severity = "info"
    return Draft(
        severity=severity,
        type=kind,
        rule=f"ruff:{code}",
        file=os.path.relpath(diagnostic.filename, root),
        line=diagnostic.location.row,
        message=diagnostic.message,
        suggestion=rules.advice(code, diagnostic.fix.message if diagnostic.fix else None, diagnostic.url),
    )


def _puts_together_constants(diagnostic: _Diagnostic) -> bool:
    """Whether all that goes into the query are names in capitals: its author's own words, not a caller's."""
    try:
        lines = Path(diagnostic.filename).read_text("utf-8").split("\n")
        lines = lines[diagnostic.location.row - 1 : diagnostic.end_location.row]
        lines[-1] = lines[-1][: diagnostic.end_location.column - 1]
        lines[0] = lines[0][diagnostic.location.column - 1 :]
        query = ast.parse("(" + "\n".join(lines) + ")", mode="eval")
    except (OSError, ValueError, SyntaxError):
        return False  # changed since ruff read it
    called = any(isinstance(node, ast.Call) for node in ast.walk(query))
    names = [node.id for node in ast.walk(query) if isinstance(node, ast.Name)]
    return not called and bool(names) and all(name.isupper() for name in names)
