import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from runyard.agents.__main__ import WORKS
from runyard.agents.assignments import AssignedRepository, Assignment
from runyard.agents.code_reviewer.request import Limits
from runyard.agents.code_reviewer.settings import ReviewerSettings
from runyard.agents.code_reviewer.worker import work
from runyard.agents.errors import Cancelled
from runyard.agents.settings import AgentSettings
from runyard.agents.work import tell
from runyard.domain.templates import TEMPLATES
from runyard.sdk import NonRetryable
from tests.agents.conftest import MakeRepo, Repo
from tests.agents.desk import Desk, assigned
from tests.agents.git_server import serving


def review(
    repo: Repo, config: dict[str, Any] | None = None, desk: Desk | None = None, **payload: Any
) -> dict[str, Any]:
    settings = AgentSettings(roots=(repo.root.parent,))
    return work((desk or Desk()).context, assigned(repo.root, config, **payload), settings)


def test_every_template_has_somebody_who_works_on_it() -> None:
    assert WORKS.keys() == TEMPLATES.keys()


def test_findings_are_told_as_rows_and_given_in_the_report(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.py": "import os\n", "b.bin": b"\0"})
    desk = Desk()
    output = review(repo, desk=desk)
    assert output["summary"] == {"error": 0, "warning": 1, "info": 0, "total": 1}
    assert set(output["findings"][0]) == {"id", "severity", "type", "rule", "file", "line", "message", "suggestion"}
    (report,) = desk.reports
    assert [finding["id"] for finding in report["findings"]] == [finding["id"] for finding in output["findings"]]
    said = "acme/shop: 0 errors, 1 warnings, 0 notes in 1 files, 1 lines"
    assert (report["files_reviewed"], report["lines_analyzed"], report["summary"]) == (1, 1, said)
    assert desk.progressed[0] == "listing files"
    assert desk.lines == ["Not reviewed, binary: 1 file(s)"]
    assert desk.thoughts == [said]
    assert "ruff" in [name for name, _ in desk.tools]


def test_a_repository_without_a_flaw_is_told_too(make_repo: MakeRepo) -> None:
    desk = Desk()
    review(make_repo({"a.py": '"""Fine."""\n'}), desk=desk)
    assert [(report["findings"], report["files_reviewed"]) for report in desk.reports] == [([], 1)]


def test_the_base_of_a_pull_request_narrows_the_review_and_the_payload_goes_before(make_repo: MakeRepo) -> None:
    repo = make_repo({"old.py": "import os\n"})
    base = repo.commit()
    repo.commit({"new.py": "import sys\n"})

    def files(config: dict[str, Any], **payload: Any) -> set[str]:
        return {finding["file"] for finding in review(repo, config, **payload)["findings"]}

    assert files({}) == {"old.py", "new.py"}
    assert files({}, pull_request={"number": 1, "base": {"sha": base}}) == {"new.py"}
    assert files({"base": base}) == {"new.py"}
    assert files({"base": base}, base="HEAD") == set()
    assert files({}, include=["old*"]) == {"old.py"}


def test_a_style_or_a_severity_bounds_what_is_told(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.py": "import os\n", "b.py": "def broken(:\n"})

    def told(**config: Any) -> set[str]:
        return {finding["severity"] for finding in review(repo, config)["findings"]}

    assert told() == told(review_style="balanced") == {"error", "warning"}
    assert told(review_style="focused") == {"error"}
    assert told(review_style="focused", min_severity="warning") == {"error", "warning"}
    notes = review(repo, {"min_severity": "error"})["notes"]
    assert "1 findings are less grave than asked for and left out" in notes


def test_a_repository_elsewhere_is_cloned(make_repo: MakeRepo, tmp_path: Path) -> None:
    repo = make_repo({"a.py": "import os\n"})
    with serving(repo.root.parent) as server:
        url = server.url("project")
        place = AssignedRepository(id="r", provider="git", full_name="acme/far", default_branch="main", url=url)
        run = Assignment(run_id="x", repository=place)
        output = work(Desk().context, run, AgentSettings(roots=(), allow_private=True))
    assert (output["repository"], [finding["file"] for finding in output["findings"]]) == ("acme/far", ["a.py"])


def test_a_request_that_cannot_be_met_is_not_worth_another_try(make_repo: MakeRepo, tmp_path: Path) -> None:
    root = make_repo({"a.py": ""}).root
    settings = AgentSettings(roots=(tmp_path,))
    wrong: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({}, {"path": 7}),
        ({}, {"path": "code"}),
        ({}, {"path": "/etc"}),
        ({}, {"path": str(root / "no")}),
        ({}, {"base": "-x"}),
        ({"max_findings": 0}, {}),
        ({"include": "*.py"}, {}),
        ({"review_style": "harsh"}, {}),
    ]
    for config, payload in wrong:
        with pytest.raises(NonRetryable):
            work(Desk().context, Assignment(run_id="x", config=config, payload={"path": str(root)} | payload), settings)
    with pytest.raises(NonRetryable, match="connect one"):
        work(Desk().context, Assignment(run_id="x"), settings)
    hurried = AgentSettings(roots=(tmp_path,), reviewer=ReviewerSettings(limits=Limits(seconds=0.01)))
    with pytest.raises(NonRetryable, match="took longer"):
        work(Desk().context, assigned(root), hurried)


def test_a_run_that_is_not_ours_any_more_is_stopped(make_repo: MakeRepo) -> None:
    desk = Desk()
    desk.cancelled.set()
    with pytest.raises(Cancelled):
        review(make_repo({"a.py": ""}), desk=desk)


def test_findings_are_told_a_thousand_at_a_time_and_by_the_end_of_long_paths() -> None:
    desk = Desk()
    found: Any = [{"severity": "info", "type": "style", "message": str(at), "file": "f" * 600} for at in range(2001)]
    tell(desk.context, found, files_reviewed=3)
    assert [(len(report["findings"]), report["files_reviewed"]) for report in desk.reports] == [
        (1000, 3),
        (1000, 3),
        (1, 3),
    ]
    assert desk.reports[0]["findings"][0]["file"] == "…" + "f" * 511


def agents(environment: dict[str, str], **more: Any) -> subprocess.Popen[bytes]:
    passed = {"PATH": os.environ["PATH"], "RUNYARD_URL": "http://127.0.0.1:1", "RUNYARD_KEY": "ry_x"} | environment
    return subprocess.Popen([sys.executable, "-m", "runyard.agents"], env=passed, **more)


def test_the_process_of_the_built_in_agents_ends_with_its_parent() -> None:
    process = agents({}, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stderr is not None
    lines: list[bytes] = []
    complaint = threading.Event()

    def listen() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            lines.append(line)
            if b"claim_failed" in line:  # it has started, and complains that there is no server
                complaint.set()

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    assert complaint.wait(timeout=60), lines
    assert process.poll() is None
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(timeout=20) == 1
    listener.join(timeout=20)
    process.stderr.close()


def test_the_process_of_the_built_in_agents_says_which_setting_is_wrong() -> None:
    process = agents({"RUNYARD_REVIEW_SECONDS": "soon"}, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, complaint = process.communicate(timeout=20)
    assert (process.returncode, b"RUNYARD_REVIEW_SECONDS" in complaint) == (2, True)
