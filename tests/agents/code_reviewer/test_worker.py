import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, cast

import pytest

from runyard.agents.code_reviewer.request import Limits
from runyard.agents.code_reviewer.settings import ReviewerSettings
from runyard.agents.code_reviewer.worker import ReviewRefused, paced, perform_run
from runyard.agents.errors import Cancelled
from runyard.sdk import Context, NonRetryable
from tests.agents.conftest import MakeRepo


class Desk:
    """What a run's context does for a handler, kept in lists."""

    def __init__(self) -> None:
        self.cancelled = threading.Event()
        self.lines: list[str] = []
        self.progressed: list[tuple[str, float | None, float | None]] = []
        self.used: list[dict[str, Any]] = []

    def log(self, message: str, level: str = "info", **data: Any) -> None:
        self.lines.append(message)

    def progress(self, message: str, done: float | None = None, total: float | None = None) -> None:
        self.progressed.append((message, done, total))

    def usage(self, **fields: Any) -> None:
        self.used.append(fields)


def perform(desk: Desk, payload: object, *roots: Path, limits: Limits | None = None) -> dict[str, Any]:
    return perform_run(cast("Context", desk), payload, ReviewerSettings(roots=roots, limits=limits or Limits()))


def test_a_run_gives_the_report_as_its_output_and_its_progress_to_the_log(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.py": "import os\n", "b.bin": b"\0"})
    desk = Desk()
    output = perform(desk, {"path": str(repo.root)}, repo.root)
    assert output["summary"] == {"error": 0, "warning": 1, "info": 0, "total": 1}
    assert set(output["findings"][0]) == {"id", "severity", "type", "rule", "file", "line", "message", "suggestion"}
    assert (output["files_reviewed"], output["lines_analyzed"]) == (1, 1)
    assert desk.progressed[0][0] == "listing files"
    assert desk.lines == [
        "Not reviewed, binary: 1 file(s)",
        "project: 0 errors, 1 warnings, 0 notes in 1 files, 1 lines",
    ]


def test_a_request_that_cannot_be_met_is_not_worth_another_try(make_repo: MakeRepo, tmp_path: Path) -> None:
    root = make_repo({"a.py": ""}).root
    for payload in (
        {},
        {"path": "code"},
        {"path": "/etc"},
        {"path": str(root / "no")},
        {"path": str(root), "base": "-x"},
    ):
        with pytest.raises(ReviewRefused):
            perform(Desk(), payload, tmp_path)
    with pytest.raises(NonRetryable, match="took longer"):
        perform(Desk(), {"path": str(root)}, tmp_path, limits=Limits(seconds=0.01))


def test_a_run_that_is_not_ours_any_more_is_stopped(make_repo: MakeRepo) -> None:
    root, desk = make_repo({"a.py": ""}).root, Desk()
    desk.cancelled.set()
    with pytest.raises(Cancelled):
        perform(desk, {"path": str(root)}, root)


def test_progress_is_told_when_it_is_new_and_once_a_second() -> None:
    told: list[tuple[str, int, int]] = []
    clock = iter([10.0, 10.1, 10.9, 11.0, 11.1, 11.2])
    say = paced(lambda message, done, total: told.append((message, done, total)), lambda: next(clock))
    for message, done in (("a", 0), ("a", 1), ("a", 2), ("a", 3), ("b", 3), ("b", 4)):
        say(message, done, 9)
    assert told == [("a", 0, 9), ("a", 3, 9), ("b", 3, 9)]


def agents(environment: dict[str, str], **more: Any) -> subprocess.Popen[bytes]:
    passed = {"PATH": os.environ["PATH"], "RUNYARD_URL": "http://127.0.0.1:1", "RUNYARD_KEY": "ry_x"} | environment
    return subprocess.Popen([sys.executable, "-m", "runyard.agents"], env=passed, **more)


def test_the_process_of_the_built_in_agents_ends_with_its_parent() -> None:
    process = agents({}, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stderr is not None
    assert process.stderr.readline()  # it has started, and complains that there is no server
    assert process.poll() is None
    process.communicate(timeout=20)
    assert process.returncode == 1


def test_the_process_of_the_built_in_agents_says_which_setting_is_wrong() -> None:
    process = agents({"RUNYARD_REVIEW_SECONDS": "soon"}, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, complaint = process.communicate(timeout=20)
    assert (process.returncode, b"RUNYARD_REVIEW_SECONDS" in complaint) == (2, True)
