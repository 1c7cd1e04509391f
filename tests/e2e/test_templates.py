"""An agent of each template, as a user has them: asked by BambooSnow's client, at work on a real repository."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.agents.dependency_auditor.osv import JINJA
from tests.e2e.conftest import Fleet
from tests.e2e.processes import ServerProcess
from tests.e2e.repositories import CARELESS, CLEAN, repository
from tests.e2e.snow_client.desk import Desk

TESTS = "def test_sums():\n    assert 1 + 1 == 3\n\n\ndef test_products():\n    assert 2 * 2 == 4\n"
FILES = {"good.py": CLEAN, "careless.py": CARELESS, "requirements.txt": "jinja2==3.1.5\nflask\n", "test_sums.py": TESTS}
FOUND = {
    "code-reviewer": "careless.py",
    "security-scanner": "careless.py",
    "dependency-auditor": "requirements.txt",
    "test-runner": "test_sums.py",
}
"""The file in which the agent of each template finds something."""


@pytest.fixture
def server(fleet: Fleet, engine: str) -> Iterator[ServerProcess]:
    """A server whose built-in agents may execute tests and know the advisories of a folder."""
    fleet.roots.mkdir(exist_ok=True)
    advisories = fleet.folder / f"advisories-{engine}"
    advisories.mkdir()
    (advisories / "one.json").write_text(json.dumps(JINJA))
    server = fleet.make(
        engine, agents=True, review_roots=str(fleet.roots), run_tests="local", advisories=str(advisories)
    ).start()
    try:
        yield server
    finally:
        server.close()
    assert '"level":"error"' not in server.log(), server.log()


def test_the_agents_of_all_templates_find_what_is_there(server: ServerProcess, fleet: Fleet, engine: str) -> None:
    folder = repository(fleet.roots / f"shop-{engine}", FILES)
    with Desk(server=server, twin="sync") as desk:
        runs = {}
        for template in FOUND:
            agent = desk.new_agent(f"The {template}", template=template)
            runs[template] = desk.asked(agent, {"path": str(folder), "pull_request": {"number": 42}})
        details = {template: _done(desk, run_id) for template, run_id in runs.items()}
        for template, detail in details.items():
            files = {issue["file"] for issue in detail["results"]["issues"]}
            assert FOUND[template] in files, f"{template}: {detail['results']}"
            assert detail["agent"]["template"] == template
            assert detail["results"]["files_reviewed"] >= 1
        _agree(desk, details)
        gone = desk.asked(desk.new_agent("Lost", template="code-reviewer"), {"path": str(folder / "nowhere")})
        lost = desk.client.runs.wait_for_completion(gone, interval_seconds=0.1)
        assert lost.status.value == "failed"
        assert "nowhere" in str(lost.error_message)


def _done(desk: Desk, run_id: str) -> dict[str, Any]:
    run = desk.client.runs.wait_for_completion(run_id, interval_seconds=0.1)
    assert run.status.value == "completed", run.error_message
    assert run.thought_trace
    return desk.get(f"/v1/runs/{run_id}")


def _agree(desk: Desk, details: dict[str, dict[str, Any]]) -> None:
    """What runs show, what stands in rows, and what statistics count is the same."""
    issues = [issue for detail in details.values() for issue in detail["results"]["issues"]]
    stats = desk.get("/v1/runs/stats?period=week")["stats"]
    assert (stats["total_runs"], stats["successful"], stats["failed"]) == (4, 4, 0)
    assert stats["total_issues_found"] == len(issues)
    for severity, count in stats["issues_by_severity"].items():
        assert count == sum(issue["severity"] == severity for issue in issues)
        assert len([*desk.native.findings(severity=severity)]) == count
    listed = desk.get("/v1/runs?pr_number=42")
    assert listed["meta"]["total"] == 4
    counts = {one["id"]: one["issues_found"] for one in listed["data"]}
    assert counts == {detail["id"]: len(detail["results"]["issues"]) for detail in details.values()}
