"""The built-in code reviewer, as a child of a real server."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from runyard.cli.main import run as run_command
from runyard.sdk import Client
from tests.e2e.conftest import Fleet, Place
from tests.e2e.processes import ServerProcess, environment, until
from tests.e2e.repositories import BROKEN, CARELESS, CLEAN, commit, git, repository
from tests.support.offspring import HOME

_serial = itertools.count(1)
Review = Callable[..., tuple[int, str, str]]
MakeRepository = Callable[..., Path]


@pytest.fixture
def server(fleet: Fleet, engine: str) -> ServerProcess:
    """A server of each engine with the built-in agents."""
    return fleet.shared(engine)


@pytest.fixture
def client(server: ServerProcess) -> Iterator[Client]:
    with server.client() as client:
        yield client


@pytest.fixture
def make_repository(fleet: Fleet) -> MakeRepository:
    """Makes repositories that may be reviewed."""
    return lambda **files: repository(fleet.roots / f"repository-{next(_serial)}", files["files"])


@pytest.fixture
def review(server: ServerProcess, capsys: pytest.CaptureFixture[str]) -> Review:
    """`runyard review …`: exit code, standard output and error."""

    def call(path: Path, *arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run_command(["review", str(path), *arguments, "--url", server.url, "--key", server.key])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_a_repository_is_reviewed_as_a_durable_run(
    client: Client, make_repository: MakeRepository, review: Review
) -> None:
    folder = make_repository(files={"good.py": CLEAN, "bad.py": BROKEN, "careless.py": CARELESS})
    code, out, err = review(folder, "-o", "json")
    report = json.loads(out)
    assert (code, err) == (0, "")
    assert report["files_reviewed"] == 3
    assert {finding["file"] for finding in report["findings"]} == {"bad.py", "careless.py"}
    assert {"id", "severity", "type", "file", "line", "message", "suggestion"} <= report["findings"][0].keys()
    assert report["summary"]["error"] >= 1

    run = client.runs.get(report["run_id"])
    assert (run.state, run.job) == ("completed", "code-reviewer")
    assert {**run.output, "run_id": run.id} == report
    kinds = [event.type for event in run.events() if event.type != "run.tool_called"]
    assert kinds == ["run.created", "run.claimed", "run.started", "run.findings", "run.completed"]
    assert any(line.data and "progress" in line.data for line in run.logs())
    assert {call.name for call in client.runs.tool_calls(run.id)} >= {"ruff"}
    rows = [*client.runs.findings(run.id)]
    assert [row.fingerprint for row in rows] == [finding["id"] for finding in report["findings"]]
    assert [row.fingerprint for row in client.findings(run=run.id, file="bad.py")] == [
        row.fingerprint for row in reversed(rows) if row.file == "bad.py"
    ]

    code, out, _ = review(folder, "--fail-on", "error")
    assert code == 1
    assert "bad.py" in out
    asked = client.runs.create({"path": str(folder)}, job="code-reviewer").wait(timeout=60)
    assert [one["id"] for one in asked.output["findings"]] == [one["id"] for one in report["findings"]]


def test_an_agent_of_another_project_is_worked_on_too_and_shows_there_alone(
    client: Client, place: Place, make_repository: MakeRepository
) -> None:
    folder = make_repository(files={"bad.py": BROKEN})
    made = place.client.agents.create("Reviewer", template="code-reviewer", config={"review_style": "focused"})
    run = place.client.agents.run(made.id, {"path": str(folder)}).wait(timeout=60)
    assert (run.state, run.project) == ("completed", place.project)
    assert {finding.severity for finding in place.client.findings(agent=made.id)} == {"error"}
    assert [*client.findings(run=run.id)] == []
    assert run.output["asked"]["review_style"] == "focused"


def test_only_what_changed_since_a_base_is_reviewed(make_repository: MakeRepository, review: Review) -> None:
    folder = make_repository(files={"good.py": CLEAN, "bad.py": BROKEN})
    git(folder, "checkout", "--quiet", "-b", "topic")
    commit(folder, {"careless.py": CARELESS})
    code, out, _ = review(folder, "--base", "main", "-o", "json")
    report = json.loads(out)
    assert code == 0
    assert {finding["file"] for finding in report["findings"]} == {"careless.py"}
    assert report["files_reviewed"] == 1
    assert review(folder, "--base", "main", "--fail-on", "error", "-o", "json")[0] in {0, 1}
    code, out, err = review(folder, "--base", "no-such-branch", "-o", "json")
    assert (code, out) == (3, "")
    assert "no-such-branch" in json.loads(err)["message"]


def test_what_cannot_be_reviewed_fails_at_once_with_its_reason(
    client: Client, fleet: Fleet, make_repository: MakeRepository, review: Review, tmp_path: Path
) -> None:
    outside = repository(tmp_path / "outside", {"good.py": CLEAN})
    (fleet.roots / "link").unlink(missing_ok=True)
    (fleet.roots / "link").symlink_to(outside)
    plain = fleet.roots / f"plain-{next(_serial)}"
    plain.mkdir()
    for folder, exit_code, why in (
        (outside, 2, "RUNYARD_REVIEW_ROOTS"),
        (fleet.roots / "link", 3, "RUNYARD_REVIEW_ROOTS"),
        (plain, 3, "git"),
    ):
        code, out, err = review(folder, "-o", "json")
        assert (code, out) == (exit_code, "")
        assert why in json.loads(err)["message"]
    code, _, err = review(tmp_path / "nowhere", "-o", "json")
    assert (code, json.loads(err)["code"]) == (2, "usage")

    wrong: list[Any] = [
        {"path": str(fleet.roots / "nowhere")},
        {},
        {"path": 7},
        "text",
        {"path": str(plain), "base": "-x"},
    ]
    runs = client.runs.create_many([{"job": "code-reviewer", "payload": payload} for payload in wrong])
    for run in runs:
        ended = run.wait(timeout=60)
        assert (ended.error_class, ended.attempt) == ("Refused", 1), "trying again would not help"


def test_a_review_that_takes_too_long_is_ended_with_all_it_started(fleet: Fleet, engine: str, tmp_path: Path) -> None:
    # Nine hundred kilobytes a file of what might be secrets keep the reviewer busy for much longer than its second.
    line = "token = 'Zx9Kq" + "aB3dE6gH" * 8 + "%04d'\n"
    noise = "".join(line % n for n in range(9000))
    folder = repository(tmp_path / "roots" / "noisy", {f"noise{n}.py": noise + f"# {n}\n" for n in range(8)})
    server = fleet.make(engine).start()
    told = {
        "RUNYARD_URL": server.url,
        "RUNYARD_KEY": server.key,
        "RUNYARD_REVIEW_ROOTS": str(folder.parent),
        "RUNYARD_REVIEW_SECONDS": "1",
    }
    agents = subprocess.Popen(
        [sys.executable, "-m", "runyard.agents"],
        cwd=HOME,
        env=environment(tmp_path, **told),
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with agents, closing(server), server.client() as client:
        client.agents.create("code-reviewer", template="code-reviewer")
        run = client.runs.create({"path": str(folder)}, job="code-reviewer").wait(timeout=60)
        assert run.error_class == "Refused"
        assert "longer than the 1 s" in run.error["message"]
        until(lambda: descendants(agents.pid) == [])
        agents.terminate()
        assert agents.wait(30) == 0


def descendants(pid: int) -> list[int]:
    """The processes that this one started and that live."""
    told = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for file in told for child in file.read_text().split() if os.path.exists(f"/proc/{child}/exe")]
