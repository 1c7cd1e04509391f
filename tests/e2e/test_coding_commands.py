"""What people do with coding tasks on the command line, against a real server."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import Place
from tests.e2e.desk import NOBODY, Desk
from tests.e2e.tables import fields, rows


@pytest.fixture
def desk(place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    """The command line on a project of its own."""
    return Desk(place, tmp_path, capsys)


def test_coding_tasks_are_made_run_and_put_away(desk: Desk) -> None:
    assert desk.json("coding", "list") == []
    assert "no such coding tasks" in desk.call("coding", "list").err
    words = ("--title", "Prices", "--repository", "Acme/Shop", "--product", "slack", "--schema", '{"type": "object"}')
    made = desk.json("coding", "create", "Round them", *words)
    assert (made["title"], made["repository"], made["product"]) == ("Prices", "acme/shop", "slack")
    assert (made["output_schema"], made["latest_run"]) == ({"type": "object"}, None)
    task = made["id"]
    said = ("--branch", "round", "--stage", "plan", "--agent", "codex", "--model", "m", "--interactive", "--draft")
    draft = desk.json("coding", "start", task[-12:], *said, "--shared", '{"k": 1}')
    assert (draft["state"], draft["branch"], draft["stage"], draft["sandboxed"]) == ("draft", "round", "plan", True)
    assert draft["shared"] == {"k": 1, "runtime_adapter": "codex", "model": "m", "mode": "interactive"}
    outside = desk.json("coding", "start", task, "--outside", "--resume-from", draft["run_id"])
    assert (outside["sandboxed"], outside["shared"]["resume_from_run_id"]) == (False, draft["run_id"])
    queued = desk.text("coding", "create", "At once", "--start", "-q").strip()
    assert desk.client.coding_runs.get(queued).task_id != task

    assert [one["run_id"] for one in desk.shown("coding", "runs", task)] == [outside["run_id"], draft["run_id"]]
    assert [row["WHERE"] for row in rows(desk.text("coding", "runs", task))] == ["outside", "sandbox"]
    for found, these in (
        (["Prices"], ("--repository", "acme/shop", "--stage", "plan", "--product", "slack")),
        (["Prices"], ("--query", "ROUND", "--state", "queued")),
        ([], ("--state", "draft,completed")),
        (["At once"], ("-n", "1")),
    ):
        assert [one["title"] for one in desk.json("coding", "list", *these)] == found, these
    assert len(desk.shown("coding", "list")) == 2
    assert desk.shown("coding", "get", task)["latest_run"]["run_id"] == outside["run_id"]
    shown = fields(desk.text("coding", "get", task))
    assert (shown["repository"], shown["latest run"]) == ("acme/shop", outside["run_id"])

    assert desk.json("coding", "reopen", outside["run_id"])["sandboxed"] is True
    assert desk.json("coding", "take", outside["run_id"])["sandboxed"] is False
    assert desk.json("coding", "cancel", outside["run_id"], "--reason", "enough")["state"] == "canceled"
    assert desk.json("coding", "watch", outside["run_id"], code=8)["state"] == "canceled"
    assert desk.json("coding", "end", draft["run_id"], "completed", "--result", '{"n": 1}')["output"] == {"n": 1}
    other = desk.json("coding", "start", task, "--outside")["run_id"]
    failed = desk.json("coding", "end", other, "failed", "--error", "it broke")
    assert (failed["state"], failed["error"]["message"]) == ("failed", "it broke")
    assert desk.json("coding", "delete", task, code=2)["code"] == "usage"
    assert desk.json("coding", "delete", task, "--yes") == {"deleted": task}
    assert desk.json("coding", "get", task, code=5)["code"] == "not_found"

    other = desk.json("coding", "list")[0]["id"]
    assert desk.json("coding", "start", other, "--run", queued, "--draft", code=2)["code"] == "usage"
    late = desk.json("coding", "start", other, "--draft")["run_id"]
    assert "no sandbox" in desk.json("coding", "say", late, "go", "on", "--steer", code=6)["message"]
    assert desk.json("coding", "interrupt", late, code=6)["code"] == "conflict"
    assert desk.json("coding", "say", late, code=2)["code"] == "usage"
    assert desk.client.coding_runs.token(late).url is None
    assert desk.json("coding", "start", other, "--run", late, "--model", "m")["shared"] == {"model": "m"}
    assert desk.json("coding", "start", NOBODY, code=5)["code"] == "not_found"
    assert desk.json("coding", "start", other, "--shared", "[]", code=2)["code"] == "usage"
    desk.call("coding", "cancel", queued, late)


def test_threads_hear_of_runs_and_sandboxes_are_listed(desk: Desk) -> None:
    run = desk.json("coding", "create", "Tell them", "--start")["run_id"]
    words = ("C0123456789", "1712345678.000100", "--mention", "U0123456789")
    made = desk.json("threads", "set", run, *words)
    assert (made["channel"], made["thread"], made["mention"]) == ("C0123456789", "1712345678.000100", "U0123456789")
    assert fields(desk.text("threads", "get", run[-12:]))["thread"] == "1712345678.000100"
    assert desk.shown("threads", "get", run) == made
    (told,) = desk.shown("threads", "said", run)
    # There is no token, so what is to be said waits.
    assert (told["kind"], told["state"]) == ("update", "queued")
    assert desk.json("threads", "set", run, "general", "1712345678.000100", code=2)["message"]
    assert desk.json("threads", "drop", run) == {"dropped": run}
    assert desk.json("threads", "get", run, code=5)["code"] == "not_found"

    assert desk.json("sandboxes", "list") == []
    said = desk.call("sandboxes", "list").err
    assert "No sandbox is open." in said
    assert "RUNYARD_SANDBOX_ISOLATION" in said
    desk.call("coding", "cancel", run)
