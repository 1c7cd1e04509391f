"""The commands about agents, what they find and what they ask, against a real server."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from runyard.sdk import CompleteReport, FailReport, Run, WaitReport
from runyard.sdk.models import ApprovalAsk
from tests.e2e.conftest import Place
from tests.e2e.desk import NOBODY, Desk
from tests.e2e.tables import fields, rows


@pytest.fixture
def desk(place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    """The command line on a project of its own."""
    return Desk(place, tmp_path, capsys)


def done(desk: Desk, agent: str, *findings: Any, error: str | None = None) -> Run:
    """A run of the agent that told these findings, then succeeded or failed."""
    run = desk.client.agents.run(agent)
    (claim,) = desk.client.runs.claim()
    assert claim.run.id == run.id
    token = claim.lease.token
    if findings:
        desk.client.runs.add_findings(run.id, findings, token=token)
    if error is None:
        desk.client.runs.complete([CompleteReport(run_id=run.id, token=token)])
    else:
        desk.client.runs.fail([FailReport(run_id=run.id, token=token, error=error, retryable=False)])
    return run.refresh()


def asking(desk: Desk, name: str, **more: Any) -> Run:
    """A run that waits for people to decide."""
    run, token = desk.claimed()
    ask = ApprovalAsk(name=name, action=f"Do {name}", risk="high", changes=["a.py", "b.py"], **more)
    desk.client.runs.park([WaitReport(run_id=run.id, token=token, approval=ask)])
    return run.refresh()


def test_agents_are_made_from_templates_and_shown(desk: Desk) -> None:
    assert desk.json("agents", "list") == []
    assert "no agents" in desk.call("agents", "list").err
    slugs = [one["slug"] for one in desk.shown("agents", "templates")]
    assert slugs == ["code-reviewer", "security-scanner", "dependency-auditor", "test-runner"]
    assert [row["TEMPLATE"] for row in rows(desk.text("agents", "templates"))] == slugs
    near = desk.client.repositories.connect("github", "acme/app").id
    words = ("--triggers", '{"push": {"branches": ["main"]}}', "--config", '{"max_findings": 5}')
    made = desk.json(
        *("agents", "create", "The Reviewer", "--template", "code-reviewer", "--description", "reads"),
        *("--repository", near, *words),
    )
    assert (made["job"], made["state"], made["template"]) == ("the-reviewer", "deployed", "code-reviewer")
    assert (made["repository_id"], made["config"], made["description"]) == (near, {"max_findings": 5}, "reads")
    assert desk.shown("agents", "get", "the-reviewer") == desk.json("agents", "get", made["id"]) == made
    shown = fields(desk.text("agents", "get", "the-reviewer"))
    assert (shown["name"], shown["id"], shown["repository"]) == ("The Reviewer", made["id"], near)
    assert json.loads(shown["triggers"]) == {"push": {"branches": ["main"]}}
    assert desk.text("agents", "create", "Mender", "-q") == "mender\n"
    assert desk.client.jobs.get("mender").spec["executor"] == "worker"
    assert [one["job"] for one in desk.shown("agents", "list")] == ["mender", "the-reviewer"]
    table = rows(desk.text("agents", "list"))
    assert [(row["JOB"], row["TEMPLATE"], row["STATE"]) for row in table] == [
        ("mender", "-", "deployed"),
        ("the-reviewer", "code-reviewer", "deployed"),
    ]
    assert [one["job"] for one in desk.json("agents", "list", "--template", "code-reviewer")] == ["the-reviewer"]
    assert desk.json("agents", "list", "--state", "paused") == []
    assert desk.text("agents", "list", "-q", "-n", "1") == "mender\n"
    assert desk.json("agents", "get", "nobody", code=5)["code"] == "not_found"
    assert "code-reviewer" in desk.json("agents", "create", "Odd", "--template", "odd", code=2)["message"]
    assert "acme/app" in desk.json("agents", "create", "Odd", "--repository", NOBODY, code=2)["message"]
    assert desk.json("agents", "create", "Odd", "--config", "[1]", code=2)["code"] == "usage"
    assert desk.json("agents", "list", "--state", "odd", code=2)["code"] == "invalid"
    assert len([*desk.client.agents.list()]) == 2


def test_an_agent_is_asked_for_runs_and_judged_by_them(desk: Desk) -> None:
    desk.client.agents.create("Mender", config={"depth": 1, "kind": "all"})
    made = desk.json("agents", "run", "mender", "-p", '{"pr_number": 42}', "--config", '{"depth": 2}')
    assert (made["state"], made["payload"]["pr_number"]) == ("queued", 42)
    assert desk.client.runs.get(made["id"]).metadata == {"config": {"depth": 2, "kind": "all"}}
    assert fields(desk.text("agents", "run", "mender"))["state"] == "queued"
    assert desk.json("agents", "run", "mender", "--wait", "--timeout", "0.2s", code=7)["code"] == "timed_out"
    for run in desk.client.runs.list(state="queued"):
        run.cancel()

    def complete() -> None:
        (claim,) = desk.client.runs.claim(wait_seconds=30)
        desk.client.runs.complete([CompleteReport(run_id=claim.run.id, token=claim.lease.token, output=[7])])

    completing = threading.Thread(target=complete)
    completing.start()
    assert desk.json("agents", "run", "mender", "--wait", "--timeout", "60s")["output"] == [7]
    completing.join()
    assert desk.json("agents", "run", "mender", "-p", "[1]", code=2)["code"] == "usage"
    assert desk.json("agents", "run", "mender", "--timeout", "5s", code=2)["code"] == "usage"
    assert desk.json("agents", "run", "nobody", code=5)["code"] == "not_found"

    changed = desk.json("agents", "update", "mender", "--description", "mends", "--config", '{"depth": 3}')
    assert (changed["description"], changed["config"]) == ("mends", {"depth": 3})
    assert desk.json("agents", "update", "mender", code=2)["code"] == "usage"
    told = desk.shown("agents", "stats", "--period", "day", "--agent", "mender")
    assert (told["whole"]["succeeded"], len(told["days"])) == (1, 1)
    assert [row["DAY"] for row in rows(desk.text("agents", "stats"))][-1] == "all"

    good = desk.shown("agents", "health", "mender")
    assert good["reliability"] == 100
    for _ in range(3):
        done(desk, "mender", error="it broke")
    bad = desk.json("agents", "health", "mender")
    assert bad["overall"] < good["overall"]
    assert bad["reliability"] == 25
    told = fields(desk.text("agents", "health", "mender"))
    assert (told["grade"], float(told["overall"])) == (bad["grade"], bad["overall"])
    assert desk.text("agents", "health", "mender", "-q") == f"{bad['grade']}\n"
    assert desk.json("agents", "health", "nobody", code=5)["code"] == "not_found"
    assert fields(desk.text("agents", "get", "mender"))["runs"] == "7, 1 succeeded, 3 failed"


def test_an_agent_takes_runs_only_while_it_is_deployed(desk: Desk) -> None:
    desk.client.agents.create("Mender")
    kept = desk.client.agents.run("mender")
    assert desk.json("agents", "pause", "mender")["state"] == "paused"
    assert desk.json("agents", "run", "mender", code=6)["code"] == "conflict"
    assert desk.json("agents", "pause", "mender", code=6)["code"] == "illegal_move"
    assert fields(desk.text("agents", "resume", "mender"))["state"] == "deployed"
    assert desk.json("agents", "run", "mender")["state"] == "queued"
    assert desk.json("agents", "resume", "mender", code=6)["code"] == "illegal_move"
    assert desk.json("agents", "archive", "mender", code=2)["code"] == "usage"
    assert desk.json("agents", "archive", "mender", "--yes")["state"] == "archived"
    assert "archived" in desk.call("agents", "resume", "mender", code=6).err
    assert desk.json("agents", "run", "mender", code=6)["code"] == "conflict"
    assert desk.json("agents", "delete", "mender", code=2)["code"] == "usage"
    assert desk.client.agents.get("mender").state == "archived"
    assert desk.json("agents", "delete", "mender", "-y") == {"deleted": "mender"}
    for verb in (("get",), ("pause",), ("resume",), ("archive", "-y"), ("delete", "-y")):
        assert desk.json("agents", *verb, "mender", code=5)["code"] == "not_found"
    assert desk.json("agents", "list") == []
    assert kept.refresh().state == "queued", "its runs stay"


def test_findings_are_listed_by_what_they_are_about(desk: Desk) -> None:
    assert desk.json("findings") == []
    assert "no such findings" in desk.call("findings").err
    near = desk.client.repositories.connect("github", "acme/app").id
    desk.client.agents.create("Mender", repository_id=near)
    desk.client.agents.create("Other")
    leak = {"severity": "error", "type": "security", "message": "a  secret", "file": "a.py", "line": 3}
    first = done(desk, "mender", leak, {"severity": "info", "type": "style", "message": "long", "file": "b.py"})
    second = done(desk, "other", {"severity": "warning", "type": "bug", "message": "never true"})
    assert [one["message"] for one in desk.shown("findings")] == ["never true", "long", "a  secret"]
    (row,) = rows(desk.text("findings", "--severity", "error"))
    assert (row["SEVERITY"], row["TYPE"], row["WHERE"], row["MESSAGE"]) == ("error", "security", "a.py:3", "a secret")
    assert row["RUN"] == first.id
    for found, words in (
        (["never true"], ("--type", "bug")),
        (["long"], ("--file", "b.py")),
        (["long", "a  secret"], ("--repository", near)),
        (["long", "a  secret"], ("--repository", "acme/app")),
        (["never true"], ("--agent", "other")),
        (["long", "a  secret"], ("--run", first.id)),
        (["never true"], ("--run", second.id[-12:])),
        (["never true"], ("-n", "1")),
        ([], ("--severity", "error", "--agent", "other")),
    ):
        assert [one["message"] for one in desk.json("findings", *words)] == found, words
    assert desk.json("findings", "--agent", "nobody", code=5)["code"] == "not_found"
    assert desk.json("findings", "--run", "nonsense", code=2)["code"] == "usage"
    assert desk.json("findings", "--severity", "grave", code=2)["code"] == "usage"


def test_what_runs_ask_for_is_shown_and_decided(desk: Desk) -> None:
    assert desk.json("approvals", "list") == []
    assert "Nothing waits" in desk.call("approvals", "list").err
    deploy, drop, keep = asking(desk, "deploy"), asking(desk, "drop", on_reject="cancel"), asking(desk, "keep")
    listed = desk.shown("approvals", "list")
    assert [one["run_id"] for one in listed] == [keep.id, drop.id, deploy.id]
    table = rows(desk.text("approvals", "list"))
    assert [(row["ID"], row["STATE"], row["RISK"], row["ACTION"]) for row in table] == [
        (one["id"], "pending", "high", one["action"]) for one in listed
    ]
    named = listed[2]["id"]
    assert desk.shown("approvals", "get", deploy.id)["changes"] == ["a.py", "b.py"]
    for wanted in (named, named[-12:], deploy.id[-12:]):
        assert desk.json("approvals", "get", wanted)["id"] == named
    assert fields(desk.text("approvals", "get", named))["action"] == "Do deploy"

    approved = desk.json("approvals", "approve", deploy.id, "-m", "so be it")
    assert (approved["id"], approved["state"], approved["comment"]) == (named, "approved", "so be it")
    assert approved["decided_by"]
    assert deploy.refresh().state == "queued"
    rejected = fields(desk.text("approvals", "reject", drop.id, "--comment", "never"))
    assert (rejected["state"], rejected["comment"]) == ("rejected", "never")
    assert drop.refresh().state == "canceled"
    assert desk.text("approvals", "reject", keep.id, "-q").strip() == listed[0]["id"]
    assert keep.refresh().state == "queued", "it goes on and learns of it"

    assert desk.json("approvals", "list") == []
    assert len(desk.json("approvals", "list", "--state", "all")) == 3
    assert [one["id"] for one in desk.json("approvals", "list", "--state", "approved")] == [named]
    assert desk.json("approvals", "get", named)["comment"] == "so be it"
    for verb in ("approve", "reject"):
        assert desk.json("approvals", verb, named, code=6)["code"] == "conflict"
        assert desk.json("approvals", verb, NOBODY, code=5)["code"] == "not_found"
        assert desk.json("approvals", verb, "nonsense", code=2)["code"] == "usage"
    assert desk.json("approvals", "get", "ffffffff", code=5)["code"] == "not_found"
    assert desk.json("approvals", "list", "--state", "odd", code=2)["code"] == "usage"
    assert desk.json("approvals", "get", named)["state"] == "approved"
