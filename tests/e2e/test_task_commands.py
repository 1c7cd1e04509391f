"""What people do with tasks on the command line, and agents with the SDK, against a real server."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest

from runyard.sdk import Conflict
from tests.e2e.conftest import Place
from tests.e2e.desk import NOBODY, Desk
from tests.e2e.processes import command, environment
from tests.e2e.tables import fields, rows


@pytest.fixture
def desk(place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    """The command line on a project of its own."""
    return Desk(place, tmp_path, capsys)


def test_tasks_are_made_shown_and_called_off(desk: Desk) -> None:
    assert desk.json("tasks", "list") == []
    assert "no such tasks" in desk.call("tasks", "list").err
    top = desk.json(
        *("tasks", "create", "Release 2.0", "--name", "release", "--description", "all of it", "--priority", "6"),
        *("--max-attempts", "2", "--owner", "pool:writer", "--channel", "release", "--metadata", '{"m": [1]}'),
    )
    assert top["id"].endswith("~release")
    assert (top["status"], top["priority"], top["max_attempts"]) == ("ready", 6, 2)
    assert (top["owner"], top["channel"], top["metadata"]) == (
        {"kind": "pool", "ref": "writer"},
        "release",
        {"m": [1]},
    )
    part = desk.json("tasks", "create", "Write the notes", "--parent", top["id"], "--approval", "manual")
    draft = desk.text("tasks", "create", "Perhaps", "--draft", "-q").strip()
    assert (part["status"], part["parent_id"]) == ("blocked", top["id"])
    # A parent is as active as the child that it was given.
    assert {one["id"] for one in desk.shown("tasks", "list")} == {part["id"], top["id"]}
    table = rows(desk.text("tasks", "list", "--status", "ready"))
    assert [(row["ID"], row["STATUS"], row["ATTEMPTS"], row["OWNER"]) for row in table] == [
        (top["id"], "ready", "0/2", "writer")
    ]
    for found, words in (
        ([draft], ("--drafts", "-n", "1")),
        ([part["id"]], ("--parent", top["id"])),
        ([top["id"]], ("--owner", "writer", "--channel", "release", "--query", "RELEASE")),
        ([part["id"]], ("--status", "blocked")),
    ):
        assert desk.text("tasks", "list", "-q", *words).split() == found, words
    assert desk.shown("tasks", "get", draft[-12:])["status"] == "draft"
    shown = fields(desk.text("tasks", "get", part["id"]))
    assert (shown["waits for"], shown["approval"], shown["parent"]) == ("an approval", "pending", top["id"])

    tree = desk.shown("tasks", "tree", top["id"])
    assert (tree["root"]["task"]["id"], [node["task"]["id"] for node in tree["below"]]) == (top["id"], [part["id"]])
    assert [row["ID"] for row in rows(desk.text("tasks", "tree", top["id"]))] == [top["id"], part["id"]]
    assert desk.json("tasks", "cancel", top["id"], "--reason", "never mind")["status"] == "canceled"
    assert desk.json("tasks", "get", part["id"])["status"] == "canceled"
    told = desk.shown("tasks", "timeline", top["id"])
    assert [line["type"] for line in told] == ["task.created", "task.child_created", "task.canceled"]
    assert told[-1]["data"]["reason"] == "never mind"

    assert desk.json("tasks", "start", top["id"], code=6)["message"]
    assert desk.json("tasks", "get", NOBODY, code=5)["code"] == "not_found"
    assert desk.json("tasks", "get", "nonsense", code=2)["code"] == "usage"
    assert desk.json("tasks", "create", "x", "--owner", "writer", code=2)["code"] == "usage"
    assert desk.json("tasks", "create", "x", "--draft", "--start", code=2)["code"] == "usage"
    assert desk.json("tasks", "create", "x", "--workspace", "nowhere", code=5)["code"] == "not_found"


def test_tasks_are_started_approved_and_paused(desk: Desk) -> None:
    ready = desk.client.tasks.create("Ready")
    asked = desk.shown("tasks", "start", ready.id)
    assert (asked["run"]["state"], asked["task"]["open_run_id"]) == ("queued", asked["run"]["id"])
    assert desk.text("tasks", "create", "At once", "--start", "-q").strip() != ready.id
    draft = desk.client.tasks.create("Draft", draft=True)
    assert desk.json("tasks", "publish", draft.id)["task"]["status"] == "ready"
    yes, no = (desk.client.tasks.create(title, approval_policy="manual") for title in ("Yes", "No"))
    assert desk.json("tasks", "approve", yes.id)["task"]["approval_state"] == "approved"
    assert desk.json("tasks", "reject", no.id)["approval_state"] == "rejected"
    assert desk.json("tasks", "approve", no.id, code=6)["message"]
    later = desk.client.tasks.create("Later")
    desk.client.tasks.add_dependency(later.id, ready.id)
    assert fields(desk.text("tasks", "get", later.id))["waits for"] == "1 other task"

    assert desk.json("tasks", "pause", ready.id, code=2)["code"] == "usage"
    assert desk.json("tasks", "pause", ready.id, "--reason", "holidays")["paused_reason"] == "holidays"
    assert fields(desk.text("tasks", "get", ready.id))["waits for"] == "the end of a pause: holidays"
    assert len(desk.json("scheduler", "backlog")) == 3
    (held,) = [one for one in desk.json("scheduler", "backlog", "--paused") if one["held_by"]]
    assert (held["task_id"], held["held_by"]) == (ready.id, "paused")
    assert desk.json("tasks", "resume", ready.id)["held_up_by"] is None
    assert [one["title"] for one in desk.shown("scheduler", "backlog")] == ["Ready", "At once", "Draft", "Yes"]
    assert "1 of 4" in desk.call("scheduler", "backlog", "-n", "1").err


def test_sessions_work_on_tasks_and_people_judge(desk: Desk) -> None:
    client = desk.client
    place = client.workspaces.create("/srv/shop")
    task = desk.json("tasks", "create", "Mend it", "--workspace", "shop")["id"]
    began = desk.json("sessions", "start", "mender", "--workspace", "shop", "--capability", "go", "--ttl", "8h")
    assert (began["state"], began["workspace_id"], began["capabilities"]) == ("active", place.id, ["go"])
    assert desk.json("sessions", "list", "--agent", "nobody") == []
    assert [one["id"] for one in desk.shown("sessions", "list", "--workspace", "shop", "--live")] == [began["id"]]

    assert client.sessions.claim(began["id"]) is None
    client.tasks.start(task)
    taken = client.sessions.claim(began["id"], wait_seconds=5, lease_seconds=60)
    assert taken is not None
    with pytest.raises(Conflict):
        client.sessions.claim(began["id"])
    assert client.sessions.get(began["id"]).run_id == taken.run.id
    client.sessions.heartbeat(began["id"], taken.run.id, lease_seconds=120)
    assert desk.json("scheduler", "drain", "--timeout", "0s", "--reason", "upgrade", code=7)["code"] == "timed_out"
    assert client.sessions.complete(began["id"], taken.run.id, {"mended": 2}).output == {"mended": 2}
    assert client.tasks.get(task).has_ended

    asked = client.reviews.request(taken.run.id, reason="is it mended?")
    assert [one["id"] for one in desk.shown("reviews", "list", "--task", task)] == [asked.id]
    assert fields(desk.text("reviews", "get", asked.id[-12:]))["reason"] == "is it mended?"
    words = ("--reason", "it is not", "--missing", "a test", "--confidence", "0.5")
    judged = desk.json("reviews", "verdict", asked.id, "rejected", *words)
    assert (judged["review"]["outcome"], judged["continuation"]["attempt"]) == ("rejected", 2)
    assert desk.json("reviews", "verdict", asked.id, "approved", "--reason", "after all", code=6)["message"]
    assert desk.json("reviews", "list", "--status", "requested") == []

    assert client.sessions.claim(began["id"]) is None, "the scheduler is paused"
    assert desk.json("scheduler", "status")["paused_reason"] == "upgrade"
    assert desk.json("scheduler", "resume")["paused"] is False
    again = client.sessions.claim(began["id"])
    assert again is not None
    work = client.sessions.situation(began["id"]).work
    assert work is not None
    assert [one.outcome for one in work.reviews] == ["rejected"]
    client.sessions.fail(began["id"], again.run.id, "it is beyond me")
    (group,) = [one for one in desk.shown("inbox")["lanes"] if one["count"]]
    assert (group["lane"], group["items"][0]["task"]["id"]) == ("failed_runs", task)
    (row,) = rows(desk.text("inbox", "--unread"))
    assert (row["ID"], row["WHY"]) == (task, "latest run failed")
    client.inbox.dismiss(task)
    assert "Nothing waits for you" in desk.call("inbox", "--lane", "failed_runs").err

    assert desk.json("scheduler", "pause", "--reason", "over")["paused"] is True
    assert fields(desk.text("scheduler", "status"))["reason"] == "over"
    assert desk.json("scheduler", "drain")["active_runs"] == 0
    assert next(client.tasks.stream(task)).type == "task.created"
    client.sessions.prompt(began["id"], "go home")
    assert [one.text for one in client.sessions.take_prompts(began["id"])] == ["go home"]
    assert desk.json("sessions", "stop", began["id"][-12:])["state"] == "stopped"
    kinds = [event.type for event in client.sessions.stream(began["id"])]
    assert kinds, "how it began, what was said, how it ended"
    assert [line["type"] for line in desk.lines("sessions", "events", began["id"], "-f")] == kinds
    assert len(desk.text("sessions", "events", began["id"], "--follow").splitlines()) == len(kinds)
    assert desk.json("sessions", "events", began["id"], "-f", code=2)["code"] == "usage"
    assert kinds == [event.type for event in client.sessions.events(began["id"])]
    assert desk.json("sessions", "list", "--live") == []


def test_tasks_wait_for_others_and_are_put_out_of_sight(desk: Desk) -> None:
    first, then = (desk.client.tasks.create(title) for title in ("First", "Then"))
    assert desk.json("tasks", "add-dependency", then.id, first.id[-12:])["status"] == "blocked"
    assert [one["task_id"] for one in desk.shown("tasks", "dependencies", then.id)] == [first.id]
    assert desk.json("tasks", "add-dependency", first.id, then.id, code=6)["message"], "a circle"
    assert desk.json("tasks", "remove-dependency", then.id, first.id)["status"] == "ready"
    assert desk.json("tasks", "remove-dependency", then.id, first.id, code=5)["code"] == "not_found"
    assert "waits for no others" in desk.call("tasks", "dependencies", then.id).err

    words = ("--title", "Later", "--priority", "9", "--owner", "human:ann", "--auto-enqueue", "--metadata", "[1]")
    changed = desk.json("tasks", "update", then.id, *words)
    assert (changed["title"], changed["priority"], changed["owner"]["ref"]) == ("Later", 9, "ann")
    assert (changed["auto_enqueue"], changed["metadata"]) == (True, [1])
    less = desk.json("tasks", "update", then.id, "--owner", "", "--no-auto-enqueue", "--metadata", "null")
    assert (less["owner"], less["auto_enqueue"], less["metadata"]) == (None, False, None)
    assert desk.json("tasks", "update", then.id, code=2)["code"] == "usage"

    profile = {"worker": {"mode": "select", "required_capabilities": ["go"]}}
    assert desk.json("tasks", "set-profile", then.id, "--spec", json.dumps(profile))["worker"]["mode"] == "select"
    assert "required_capabilities" in fields(desk.text("tasks", "profile", then.id))["worker"]
    assert "nonsense" in desk.json("tasks", "set-profile", then.id, "--spec", '{"nonsense": {}}', code=2)["message"]
    assert desk.json("tasks", "delete-profile", then.id, "-y") == {"deleted": then.id}
    assert desk.shown("tasks", "profile", then.id)["worker"]["mode"] == "inherit"

    run = desk.json("tasks", "enqueue", then.id)["run"]
    assert [one["id"] for one in desk.shown("tasks", "runs", then.id)] == [run["id"]]
    seen = desk.json("tasks", "inspect", then.id)
    assert (seen["next"], seen["run"]["id"], seen["findings"]) == ("waiting_for_session", run["id"], [])
    shown = fields(desk.text("tasks", "inspect", then.id))
    assert (shown["next"], shown["wrong"], shown["state"]) == ("waiting for session", "nothing", "queued")
    assert fields(desk.text("tasks", "stats"))["tasks"] == "2 ready"
    assert desk.json("tasks", "stats", "--owner", "nobody")["tasks"]["ready"] == 0
    assert "queued" in desk.json("tasks", "delete", then.id, "-y", code=2)["message"]
    desk.client.tasks.cancel(then.id)
    assert desk.json("tasks", "delete", then.id, code=2)["code"] == "usage"
    assert desk.json("tasks", "delete", then.id, "-y") == {"deleted": then.id}
    assert desk.json("tasks", "get", then.id, code=5)["code"] == "not_found"

    waiting = [desk.client.tasks.create(title, approval_policy="manual").id for title in ("One", "Two")]
    assert desk.json("tasks", "triage", "read", waiting[0])["read"] is True
    assert desk.text("inbox", "--unread", "-q").split() == [waiting[1]]
    rest = desk.json("tasks", "triage", "dismiss", *waiting)
    assert [(one["task_id"], one["dismissed"]) for one in rest] == [(one, True) for one in waiting]
    assert "Nothing waits for you" in desk.call("inbox").err
    assert rows(desk.text("tasks", "triage", "archive", waiting[0]))[0]["ARCHIVED"] == "yes"
    assert desk.text("inbox", "--lane", "archived", "-q").split() == [waiting[0]]
    said = desk.call("tasks", "triage", "read", waiting[1], NOBODY, code=5)
    assert (waiting[1] in said.out, NOBODY in said.err) == (True, True)
    assert desk.json("tasks", "triage", "unread", waiting[0], code=2)["code"] == "usage"


def test_a_task_is_followed_with_all_below_it_until_one_has_seen_enough(place: Place, tmp_path: Path) -> None:
    top = place.client.tasks.create("Top")
    where = {"RUNYARD_URL": place.server.url, "RUNYARD_KEY": place.server.key, "RUNYARD_PROJECT": place.project}
    following = subprocess.Popen(
        command("tasks", "timeline", top.id, "-f", "-o", "jsonl"),
        env=environment(tmp_path, **where),
        stdout=subprocess.PIPE,
        text=True,
    )
    with following:
        assert following.stdout is not None
        told = [json.loads(following.stdout.readline())]
        below = place.client.tasks.create("Below", parent_id=top.id)
        told += [json.loads(following.stdout.readline()) for _ in range(2)]
        following.send_signal(signal.SIGINT)
        assert following.wait(30) == 130
    assert {(line["task_id"], line["type"]) for line in told} == {
        (top.id, "task.created"),
        (top.id, "task.child_created"),
        (below.id, "task.created"),
    }


def test_runs_of_tasks_are_worked_on_by_hand_and_forced(desk: Desk) -> None:
    client = desk.client

    def queued(title: str) -> str:
        return client.tasks.start(client.tasks.create(title, max_attempts=5).id).run.id

    mine = queued("By hand")
    assert desk.json("task-runs", "claim", mine)["state"] == "claimed"
    sitting = desk.json("sessions", "start", "worker")["id"]
    assert desk.json("task-runs", "attach", mine, sitting[-12:])["session_id"] == sitting
    assert desk.json("task-runs", "start", mine)["state"] == "running"
    assert desk.shown("sessions", "get", sitting)["run_id"] == mine
    assert desk.shown("task-runs", "get", mine[-12:])["session"]["id"] == sitting
    assert fields(desk.text("task-runs", "inspect", mine))["wrong"] == "nothing"
    assert desk.json("task-runs", "force-release", mine, code=6)["message"], "it is worked on"
    assert desk.json("task-runs", "end", mine, "failed", code=2)["code"] == "usage"
    ended = desk.json("task-runs", "end", mine, "completed", "--result", '{"n": 1}')
    assert (ended["state"], ended["output"]) == ("completed", {"n": 1})
    judged = desk.shown("reviews", "request", mine, "--reason", "look", "--deadline", "2h")
    assert (judged["run_id"], judged["reason"]) == (mine, "look")
    assert judged["deadline_at"]

    stuck = [queued("Held"), queued("Held too")]
    for run in stuck:
        client.task_runs.claim(run)
    assert [one["state"] for one in desk.json("task-runs", "force-release", *stuck, "--reason", "over")] == [
        "queued"
    ] * 2
    assert desk.json("task-runs", "force-fail", stuck[0], code=2)["code"] == "usage", "why?"
    failed = desk.json("task-runs", "force-fail", stuck[0], "--reason", "it is wrong")
    assert (failed["state"], failed["failure_kind"]) == ("failed", "operator_forced")
    again = desk.json("task-runs", "retry", stuck[0], "--reason", "once more", "--metadata", '{"m": 1}')
    assert (again["previous"]["id"], again["run"]["metadata"]) == (stuck[0], {"m": 1})
    assert desk.json("task-runs", "recover", again["run"]["id"], code=6)["message"], "nothing is wrong with it"
    some = desk.call("task-runs", "cancel", stuck[0], stuck[1], "--reason", "enough", code=6)
    assert (stuck[1] in some.out, stuck[0] in some.err) == (True, True)
