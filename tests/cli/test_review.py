"""`review` and `demo`: on a scripted server, and on a real one of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from runyard.cli.failures import Failure
from runyard.cli.findings import Finding, Report, reaches, report_of, summary, worst
from runyard.cli.private_server import environment, private_server
from runyard.cli.probe import answers
from tests.cli.conftest import Command
from tests.cli.server import AT, RUN_ID, Script, done, log, run

FINDINGS = [
    {
        "id": "1",
        "severity": "warning",
        "type": "style",
        "file": "b.py",
        "line": 9,
        "message": "odd",
        "suggestion": "do",
    },
    {
        "id": "2",
        "severity": "error",
        "type": "syntax",
        "file": "a.py",
        "line": 1,
        "message": "broken",
        "suggestion": None,
    },
]
REPORT: dict[str, Any] = {
    "findings": FINDINGS,
    "files_reviewed": 2,
    "lines_analyzed": 1234,
    "summary": {"error": 1, "warning": 1, "info": 0, "total": 2},
    "notes": ["one file was skipped"],
}


@pytest.fixture
def reviewed(server: Script) -> Script:
    server.on("GET", "/livez", {"status": "ok"})
    server.on("POST", "/agents/code-reviewer/runs", run(job="code-reviewer"), status=201)
    server.stream(f"/runs/{RUN_ID}/stream", log(1, "ruff", progress={"done": 1, "total": 2}), done("completed"))
    server.on("GET", f"/runs/{RUN_ID}", run(state="completed", output=REPORT))
    return server


def test_findings_are_grouped_by_file(cli: Command, reviewed: Script, tmp_path: Path) -> None:
    result = cli("review", str(tmp_path), "--base", "main")
    assert result.code == 0
    assert result.out.splitlines() == [
        "a.py",
        "  1  error    [syntax] broken",
        "b.py",
        "  9  warning  [style] odd",
        "              → do",
        "",
        "1 error, 1 warning, 0 info in 2 files, 1,234 lines",
        "one file was skipped",
        f"run {RUN_ID}",
    ]
    assert "ruff (1 of 2)" in result.err
    (asked,) = reviewed.sent("POST", "/agents/code-reviewer/runs")
    assert asked.body == {"payload": {"path": str(tmp_path), "base": "main"}}


def test_a_review_as_json_is_the_report_with_its_run(cli: Command, reviewed: Script, tmp_path: Path) -> None:
    result = cli("review", str(tmp_path), "-o", "json")
    assert result.json == {"run_id": RUN_ID, **REPORT}
    assert [line["id"] for line in cli("review", str(tmp_path), "-o", "jsonl").lines] == ["1", "2"]


@pytest.mark.parametrize(("level", "code"), [("error", 1), ("warning", 1), ("info", 1), ("never", 0)])
def test_findings_may_fail_the_command(cli: Command, reviewed: Script, tmp_path: Path, level: str, code: int) -> None:
    assert cli("review", str(tmp_path), "--fail-on", level).code == code


@pytest.mark.parametrize(("state", "code"), [("failed", 3), ("dead_letter", 3), ("timed_out", 3), ("canceled", 8)])
def test_a_review_that_ends_otherwise_has_its_exit_code(
    cli: Command, reviewed: Script, tmp_path: Path, state: str, code: int
) -> None:
    reviewed.on("GET", f"/runs/{RUN_ID}", run(state=state, error={"message": "outside the roots"}))
    result = cli("review", str(tmp_path), "-o", "json")
    assert (result.code, result.out) == (code, "")
    assert "outside the roots" in result.problem["message"] or state == "canceled"


def test_no_follow_only_asks(cli: Command, reviewed: Script, tmp_path: Path) -> None:
    assert cli("review", str(tmp_path), "--no-follow", "-q").out.strip() == RUN_ID
    assert not reviewed.sent("GET", f"/runs/{RUN_ID}/stream")


def test_a_project_without_a_reviewer_is_told(cli: Command, reviewed: Script, tmp_path: Path) -> None:
    reviewed.refuse("POST", "/agents/code-reviewer/runs", 404, "not_found")
    result = cli("review", str(tmp_path), "-o", "json")
    assert result.code == 5
    assert "runyard agents create" in result.problem["hint"]


def test_findings_are_listed_by_what_they_are(cli: Command, server: Script) -> None:
    found = {"id": "f1", "run_id": RUN_ID, "severity": "error", "type": "bug", "message": "it\nbreaks", "at": AT}
    server.on("GET", "/findings", {"data": [found | {"file": "a.py", "line": 3}, found], "next_cursor": None})
    server.on(
        "GET", "/agents/code-reviewer", {"id": "a1", "name": "Reviewer", "job": "code-reviewer", "state": "deployed"}
    )
    result = cli("findings", "--severity", "error", "--agent", "code-reviewer", "--file", "a.py", "--run", RUN_ID)
    assert result.code == 0
    assert [line.split()[:4] for line in result.out.splitlines()[1:]] == [
        ["error", "bug", "a.py:3", "it"],
        ["error", "bug", "-", "it"],
    ]
    (asked,) = server.sent("GET", "/findings")
    assert asked.query | {"limit": []} == {
        "severity": ["error"],
        "agent": ["a1"],
        "file": ["a.py"],
        "run": [RUN_ID],
        "limit": [],
    }


def test_reports_are_counted_ranked_and_judged() -> None:
    report = report_of(REPORT | {"omitted": {"error": 0, "warning": 0, "info": 7}})
    assert summary(report).endswith("; 7 more left out")
    assert [finding.severity for finding in worst(report.findings, 1)] == ["error"]
    assert reaches(Report(findings=[], summary={"info": 1}), "info")
    assert not reaches(Report(findings=[], summary={"info": 1}), "warning")
    assert report.findings[0] == Finding(
        severity="warning", type="style", file="b.py", line=9, message="odd", suggestion="do"
    )
    with pytest.raises(Failure, match="not a review"):
        report_of({"answer": 42})


def test_a_private_server_inherits_no_settings_but_the_models(tmp_path: Path) -> None:
    outer = {"PATH": "/bin", "RUNYARD_DATABASE": "postgresql://x", "RUNYARD_REVIEW_MODEL_KEY": "m", "RUNYARD_KEY": "k"}
    inner = environment(outer, folder=tmp_path, key="ry_x", review_root=tmp_path / "repo")
    assert (inner["PATH"], inner["RUNYARD_REVIEW_MODEL_KEY"], inner["RUNYARD_ADMIN_KEY"]) == ("/bin", "m", "ry_x")
    assert inner["RUNYARD_REVIEW_ROOTS"] == str(tmp_path / "repo")
    assert inner["RUNYARD_CREDENTIALS"] == str(tmp_path / "credentials.json")
    assert "RUNYARD_DATABASE" not in inner
    assert "RUNYARD_KEY" not in inner


def descendants() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def test_a_private_server_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    before = set(descendants())
    with private_server(review_root=tmp_path) as server:
        assert answers(server.url)
        assert list(tmp_path.iterdir())
    assert set(descendants()) == before
    assert list(tmp_path.iterdir()) == []


def test_a_private_server_that_cannot_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no disk >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    with pytest.raises(Failure, match="exit code 3") as failed, private_server(review_root=tmp_path):
        pass
    assert failed.value.hint == "no disk"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    (folder / "bad.py").write_text("def broken(:\n    pass\n")
    (folder / "good.py").write_text('"""Fine."""\n')
    for arguments in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "x"],
    ):
        subprocess.run(["git", *arguments], cwd=folder, check=True, env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull})
    return folder


def test_without_a_server_a_review_brings_its_own(
    command: Command, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runyard.sdk.credentials.DEFAULT_URL", "http://127.0.0.1:1")
    result = command("review", str(repository), "--fail-on", "error", "-o", "json")
    assert result.code == 1, result.err
    assert result.json["summary"]["error"] >= 1
    assert {finding["file"] for finding in result.json["findings"]} == {"bad.py"}
    assert result.err == ""


def test_the_demo_reviews_the_repository_one_stands_in(
    command: Command, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository)
    result = command("demo")
    assert result.code == 0, result.err
    assert "bad.py" in result.out
    assert "run.completed" in result.out
    assert "nothing left behind" in result.err


def test_the_demo_needs_a_repository(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert command("demo").code == 2


def test_a_killed_review_takes_its_server_along(repository: Path, tmp_path: Path) -> None:
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom runyard.cli.private_server import private_server\n"
        f"with private_server(review_root=Path({str(repository)!r})) as server:\n"
        "    print(server.url, flush=True)\n    time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    assert parent.stdout is not None
    url = parent.stdout.readline().strip()
    children = psutil.Process(parent.pid).children(recursive=True)
    assert answers(url)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == []
