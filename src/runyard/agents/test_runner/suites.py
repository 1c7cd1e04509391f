"""Which command runs the tests of a repository, and where its report will be."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from runyard.agents.confined import Bounds, run
from runyard.agents.errors import BadRequest
from runyard.agents.test_runner import unittest_report

Word = Annotated[str, Meta(max_length=4096)]
Words = Annotated[tuple[Word, ...], Meta(max_length=200)]

_MOST_REPORTS = 200
_QUESTION = Bounds(seconds=60, memory_bytes=1 << 30)
_NAMES = (".venv/bin/python", "venv/bin/python")


class Wishes(Struct, frozen=True, kw_only=True):
    """What a test run is asked for."""

    python: Word | None = None
    """The interpreter, absolute or below the repository; else the repository's own, else ours."""
    args: Words = ()
    """For pytest, such as the tests to run."""
    command: Words = ()
    """Instead: any command, in the repository's top folder …"""
    junit: Word | None = None
    """… and where it writes its report in JUnit's form; a glob for several."""
    environment: dict[Word, Word] = {}
    timeout_seconds: Annotated[float, Meta(ge=1)] | None = None
    max_findings: Annotated[int, Meta(ge=1, le=10_000)] = 1000


class Suite(Struct, frozen=True, kw_only=True):
    """A command, and what to call it."""

    runner: str
    command: tuple[str, ...]
    junit: str | None
    """Below the repository's top folder; None when the report goes where we said."""


def suite(
    wished: Wishes,
    folder: Path,
    report: Path,
    environment: Mapping[str, str],
    cancelled: Callable[[], bool],
) -> Suite:
    """How to run the tests. Raises `BadRequest` for wishes that make no sense together."""
    if wished.command:
        if not wished.junit or os.path.isabs(wished.junit) or ".." in Path(wished.junit).parts:
            raise BadRequest("A command of your own needs `junit`: where it writes its report, below the repository")
        return Suite(runner=Path(wished.command[0]).name, command=wished.command, junit=wished.junit)
    if wished.junit is not None:
        raise BadRequest("`junit` says where a `command` writes its report; leave it out, or say the command")
    python = interpreter(wished, folder)
    asked = run(
        [python, "-c", "import pytest"], folder=folder, environment=environment, bounds=_QUESTION, cancelled=cancelled
    )
    if asked.code == 127:
        raise BadRequest(f"The tests cannot be run: {asked.output.strip()}")
    if asked.code == 0:
        # Nothing of ours is left in the repository, and the report says in which file and line a test is.
        ours = ("-p", "no:cacheprovider", "-o", "junit_family=xunit1", f"--junit-xml={report}", "--color=no")
        return Suite(runner="pytest", command=(python, "-m", "pytest", *ours, *wished.args), junit=None)
    if wished.args:
        raise BadRequest(f"`args` are for pytest, which {python} does not have")
    return Suite(runner="unittest", command=(python, unittest_report.__file__, str(report)), junit=None)


def interpreter(wished: Wishes, folder: Path) -> str:
    """Which Python runs the tests."""
    if wished.python is not None:
        return str(folder / wished.python) if "/" in wished.python else wished.python
    return next((str(folder / name) for name in _NAMES if os.access(folder / name, os.X_OK)), sys.executable)


def environment(wished: Wishes, folder: Path, home: Path) -> dict[str, str]:
    """All that the tests are told of this machine."""
    python = Path(interpreter(wished, folder))
    path = os.environ.get("PATH", os.defpath)
    own = {"VIRTUAL_ENV": str(python.parent.parent)} if (python.parent.parent / "pyvenv.cfg").exists() else {}
    return {
        "PATH": f"{python.parent}{os.pathsep}{path}" if python.is_absolute() else path,
        "HOME": str(home),
        "TMPDIR": str(home),
        "LANG": "C.UTF-8",
        "CI": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        **own,
        **wished.environment,
    }


def reports(junit: str, folder: Path, since: float) -> list[Path]:
    """The reports that a command wrote; older ones are of another run."""
    found = [path for path in sorted(folder.glob(junit)) if os.path.lexists(path)]
    return [path for path in found if path.lstat().st_mtime >= since][:_MOST_REPORTS]
