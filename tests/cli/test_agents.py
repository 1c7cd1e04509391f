"""`runyard agents …`."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Command
from tests.cli.server import AT, RUN_ID, Script, page, run

AGENT = {
    "id": "0198c1f0-0000-7000-8000-000000000001",
    "name": "Reviewer",
    "job": "reviewer",
    "state": "deployed",
    "template": "code-reviewer",
    "triggers": {"push": True},
    "config": {"max_findings": 5},
    "runs": {"total": 9, "succeeded": 6, "failed": 3, "success_rate": 0.667, "average_ms": 10, "findings": 4},
    "last_run_at": AT,
    "created_at": AT,
}


def test_agents_are_listed_and_shown(cli: Command, server: Script) -> None:
    server.on("GET", "/agents", page(AGENT))
    server.on("GET", "/agents/reviewer", AGENT)
    listed = cli("agents", "list", "--template", "code-reviewer", "--state", "deployed")
    assert "Reviewer" in listed.out
    assert "67%" in listed.out
    assert server.asked[0].query["template"] == ["code-reviewer"]
    assert cli("agents", "list", "-q").out.strip() == "reviewer"
    assert "9, 6 succeeded, 3 failed" in cli("agents", "get", "reviewer").out
    assert cli("agents", "get", "reviewer", "-o", "json").json["config"] == {"max_findings": 5}


def test_an_agent_is_made(cli: Command, server: Script) -> None:
    server.on("POST", "/agents", AGENT, status=201)
    words = ("--template", "code-reviewer", "--triggers", '{"push": true}', "--config", '{"max_findings": 5}')
    assert cli("agents", "create", "Reviewer", *words, "--repository", "r1", "-q").out.strip() == "reviewer"
    assert server.asked[0].body == {
        "name": "Reviewer",
        "template": "code-reviewer",
        "repository_id": "r1",
        "triggers": {"push": True},
        "config": {"max_findings": 5},
    }
    assert cli("agents", "create", "Reviewer", "--config", "[1]").code == 2


def test_an_agent_is_asked_for_a_run(cli: Command, server: Script) -> None:
    server.on("POST", "/agents/reviewer/runs", run(), status=201)
    assert (
        cli("agents", "run", "reviewer", "-p", '{"pr_number": 42}', "--config", '{"n": 1}', "-q").out.strip() == RUN_ID
    )
    assert server.asked[0].body == {"payload": {"pr_number": 42}, "config": {"n": 1}}
    assert cli("agents", "run", "reviewer").code == 0
    assert cli("agents", "run", "reviewer", "-p", "[1]").code == 2
    assert cli("agents", "run", "reviewer", "--timeout", "5s").code == 2


@pytest.mark.parametrize("verb", ["pause", "resume", "archive"])
def test_agents_are_moved(cli: Command, server: Script, verb: str) -> None:
    server.on("POST", f"/agents/reviewer/{verb}", AGENT | {"state": "paused"})
    more = ("--yes",) if verb == "archive" else ()
    assert cli("agents", verb, "reviewer", *more, "-o", "json").json["state"] == "paused"


def test_a_refusal_is_told(cli: Command, server: Script) -> None:
    problem = {"code": "conflict", "status": 409, "detail": "an agent that is archived cannot resume"}
    server.on("POST", "/agents/reviewer/resume", problem, status=409)
    refused = cli("agents", "resume", "reviewer")
    assert refused.code == 6
    assert "archived" in refused.err


def test_an_agent_is_deleted_when_that_is_meant(cli: Command, server: Script) -> None:
    server.on("DELETE", "/agents/reviewer", "", status=204)
    assert cli("agents", "delete", "reviewer", "--yes").code == 0
    assert cli("agents", "delete", "reviewer").code == 2
    assert len(server.sent("DELETE", "/agents/reviewer")) == 1


def test_health_and_templates(cli: Command, server: Script) -> None:
    server.on("GET", "/agents/reviewer/health", {"overall": 91.5, "grade": "A", "reliability": 90.0})
    server.on("GET", "/templates", {"data": [{"slug": "code-reviewer", "name": "Code reviewer", "triggers": ["push"]}]})
    assert "91.5" in cli("agents", "health", "reviewer").out
    assert cli("agents", "health", "reviewer", "-q").out.strip() == "A"
    assert cli("agents", "templates", "-q").out.strip() == "code-reviewer"
