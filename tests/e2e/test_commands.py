"""Every command of the command line against a real server, as people and as programs call it."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runyard.cli.commands import ALONE, NOUNS
from runyard.cli.main import run as run_command
from runyard.sdk import CompleteReport, FailReport
from tests.e2e.conftest import Place
from tests.e2e.desk import Desk
from tests.e2e.processes import command, environment

Case = Callable[[Desk], None]
CASES: dict[str, Case] = {}


def case(name: str) -> Callable[[Case], Case]:
    """The proof of one command."""

    def keep(function: Case) -> Case:
        CASES[name] = function
        return function

    return keep


ELSEWHERE = {
    "up": "test_start",
    "serve": "every server here",
    "worker": "every worker process here",
    "agent-server": "tests/agent_server/test_command",
    "review": "test_reviews",
    "demo": "test_start",
    "backup": "test_start",
    "restore": "test_start",
    "upgrade": "test_start",
    **dict.fromkeys(
        (
            *("runs restart", "runs debug", "runs dependencies", "jobs trigger", "schedules list"),
            *("jobs dependencies", "jobs add-dependency", "jobs remove-dependency", "jobs health"),
            *("secrets list", "secrets set", "secrets delete"),
            *("environments list", "environments get", "environments set", "environments delete"),
            *("waits list", "waits send", "waits cancel"),
        ),
        "test_job_commands",
    ),
    **dict.fromkeys(
        (
            *("agents list", "agents get", "agents create", "agents run", "agents pause", "agents resume"),
            *("agents archive", "agents delete", "agents health", "agents templates", "findings"),
            *("agents update", "agents stats"),
            *("approvals list", "approvals get", "approvals approve", "approvals reject"),
        ),
        "test_agent_commands",
    ),
    **dict.fromkeys(
        (
            *("repositories list", "repositories connect", "repositories disconnect"),
            *("repositories hook", "repositories deliveries"),
            *("webhooks list", "webhooks get", "webhooks create", "webhooks update", "webhooks enable"),
            *("webhooks disable", "webhooks rotate", "webhooks delete", "webhooks test"),
            *("webhooks deliveries", "webhooks redeliver"),
        ),
        "test_outside_commands",
    ),
    **dict.fromkeys(
        (
            *("tasks list", "tasks get", "tasks create", "tasks publish", "tasks start", "tasks approve"),
            *("tasks reject", "tasks pause", "tasks resume", "tasks cancel", "tasks tree", "tasks timeline", "inbox"),
            *("tasks update", "tasks enqueue", "tasks delete", "tasks triage", "tasks runs", "tasks inspect"),
            *("tasks dependencies", "tasks add-dependency", "tasks remove-dependency", "tasks stats"),
            *("tasks profile", "tasks set-profile", "tasks delete-profile"),
            *("task-runs get", "task-runs inspect", "task-runs claim", "task-runs start", "task-runs attach"),
            *("task-runs end", "task-runs cancel", "task-runs force-release", "task-runs force-fail"),
            *("task-runs retry", "task-runs recover"),
            *("reviews list", "reviews get", "reviews verdict", "sessions list", "sessions start", "sessions stop"),
            *("reviews request", "sessions get"),
            *("scheduler status", "scheduler pause", "scheduler resume", "scheduler drain", "scheduler backlog"),
        ),
        "test_task_commands",
    ),
    **dict.fromkeys(
        (
            *("workspaces list", "workspaces get", "workspaces create", "workspaces update", "workspaces delete"),
            *("personas list", "personas get", "personas create", "personas redefine", "personas delete"),
            *("channels list", "channels get", "channels describe", "channels messages", "sessions channels"),
            *("sessions prompt", "sessions prompts", "sessions cancel-prompt", "sessions events"),
            "sessions situation",
            *("bridges list", "bridges get", "bridges create", "bridges update", "bridges enable", "bridges disable"),
            *("bridges restart", "bridges targets", "bridges resolve", "bridges delete"),
            *("tasks subscriptions", "tasks subscription", "tasks subscribe", "tasks unsubscribe"),
        ),
        "test_room_commands",
    ),
    **dict.fromkeys(
        (
            *("coding say", "coding interrupt"),
            *("coding list", "coding get", "coding create", "coding start", "coding runs", "coding watch"),
            *("coding cancel", "coding take", "coding end", "coding reopen", "coding delete"),
            "sandboxes list",
            *("threads set", "threads get", "threads drop", "threads said"),
        ),
        "test_coding_commands",
    ),
}


def test_every_command_has_a_proof() -> None:
    names = {name for name, *_ in ALONE} | {f"{noun} {verb}" for noun, _, _, verbs in NOUNS for verb, *_ in verbs}
    assert set(CASES) | set(ELSEWHERE) == names


@pytest.fixture
def desk(place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(place, tmp_path, capsys)


@pytest.mark.parametrize(
    "nouns", [("runs",), ("dlq", "bulk"), ("jobs", "artifacts", "keys", "projects", "doctor", "version")]
)
def test_commands_do_what_they_promise(desk: Desk, nouns: tuple[str, ...]) -> None:
    for name, prove in CASES.items():
        if name.split()[0] in nouns:
            prove(desk)


# -- runs


@case("runs list")
def list_runs(desk: Desk) -> None:
    assert desk.json("runs", "list") == []
    assert "no runs yet" in desk.call("runs", "list").err
    made = [desk.run(tags={"team": f"t{n % 2}"}, metadata={"n": n}).id for n in range(3)]
    assert [run["id"] for run in desk.shown("runs", "list")] == made[::-1]
    assert [run["id"] for run in desk.json("runs", "list", "--tag", "team:t0", "-n", "1")] == [made[2]]
    assert desk.text("runs", "list", "-q").split() == made[::-1]
    assert len(desk.json("runs", "list", "--state", "queued,claimed", "--payload", '{"n":1}', "--since", "1h")) == 3
    assert len(desk.json("runs", "list", "--metadata", '{"n":2}', "--queue", "default", "--until", "0s")) == 1
    assert desk.json("runs", "list", "--outcome", "failed", "--job", "none") == []
    assert "state" in desk.json("runs", "list", "--state", "wrong", code=2)["message"]
    desk.json("runs", "cancel", *made)


@case("runs get")
def get_run(desk: Desk) -> None:
    run = desk.run(tags=["a"])
    assert desk.shown("runs", "get", run.id)["payload"] == {"n": 1}
    assert desk.json("runs", "get", run.id[-8:])["id"] == run.id
    assert desk.json("runs", "get", "00000000-0000-7000-8000-000000000000", code=5)["code"] == "not_found"
    run.cancel()


@case("runs create")
def create_run(desk: Desk) -> None:
    desk.client.jobs.create("made", priority=3)
    file = desk.folder / "payload.json"
    file.write_text('{"from": "a file"}')
    run = desk.json(
        *("runs", "create", "made", "-p", f"@{file}", "--queue", "q", "--priority", "7", "--tag", "a", "--tag", "b"),
        *("--metadata", '{"m":1}', "--idempotency-key", "k", "--concurrency-key", "c", "--max-attempts", "2"),
        *("--run-timeout", "5m", "--ttl", "1h"),
    )
    assert (run["payload"], run["queue"], run["priority"], run["tags"]) == ({"from": "a file"}, "q", 7, ["a", "b"])
    assert (run["idempotency_key"], run["concurrency_key"], run["max_attempts"]) == ("k", "c", 2)
    assert desk.json("runs", "create", "made", "-p", '{"from": "a file"}', "--idempotency-key", "k")["id"] == run["id"]
    assert desk.json("runs", "create", "--delay", "1h")["state"] == "scheduled"
    assert desk.json("runs", "create", "--at", "2h")["state"] == "scheduled"
    assert desk.json("runs", "create", "--draft")["state"] == "draft"
    assert "queued" in desk.text("runs", "create")
    assert desk.json("runs", "create", "unheard of", code=5)["code"] == "not_found"
    assert desk.json("runs", "create", "-p", "{", code=2)["code"] == "usage"
    assert desk.json("runs", "create", "--wait", "--timeout", "0.2s", code=7)["code"] == "timed_out"
    for one in desk.client.runs.list():
        one.cancel()


@case("runs watch")
def watch_runs(desk: Desk) -> None:
    completed, dead = desk.completed({"ok": 1}), desk.dead()
    failed, token = desk.claimed(retry={"max_attempts": 1, "dead_letter": False})
    desk.client.runs.fail([FailReport(run_id=failed.id, token=token, error="no")])
    canceled = desk.run().cancel()
    for run, code in ((completed, 0), (failed, 3), (canceled, 8), (dead, 9)):
        assert desk.json("runs", "watch", run.id, code=code)["id"] == run.id
        assert "run.created" in desk.text("runs", "watch", run.id, code=code)
        assert desk.lines("runs", "watch", run.id, code=code)[0]["type"] == "run.created"
    waits = desk.run()
    assert desk.json("runs", "watch", waits.id, "--timeout", "0.2s", code=7)["code"] == "timed_out"
    waits.cancel()


@case("runs logs")
def run_logs(desk: Desk) -> None:
    run, token = desk.claimed()
    lines: list[Any] = [{"message": f"line {n}", "level": "info" if n else "error"} for n in range(3)]
    desk.client.runs.add_logs(run.id, lines, token=token)
    assert [line["message"] for line in desk.shown("runs", "logs", run.id)] == ["line 0", "line 1", "line 2"]
    assert [line["message"] for line in desk.json("runs", "logs", run.id, "--level", "error")] == ["line 0"]
    assert len(desk.json("runs", "logs", run.id, "-n", "2")) == 2
    desk.client.runs.complete([CompleteReport(run_id=run.id, token=token)])
    assert [line["message"] for line in desk.lines("runs", "logs", run.id, "-f") if "message" in line][:1] == ["line 0"]


@case("runs events")
def run_events(desk: Desk) -> None:
    run = desk.completed()
    kinds = [event["type"] for event in desk.shown("runs", "events", run.id)]
    assert (kinds[0], kinds[-1]) == ("run.created", "run.completed")
    assert len(desk.json("runs", "events", run.id, "--type", "run.claimed")) == 1
    followed = [line["type"] for line in desk.lines("runs", "events", run.id, "--follow") if "seq" in line]
    assert followed == kinds


@case("runs explain")
def explain_run(desk: Desk) -> None:
    run = desk.run()
    why = desk.shown("runs", "explain", run.id)
    assert (why["run_id"], why["state"]) == (run.id, "queued")
    assert why["reasons"]
    run.cancel()


@case("runs attempts")
def run_attempts(desk: Desk) -> None:
    assert [one["outcome"] for one in desk.shown("runs", "attempts", desk.completed().id)] == ["completed"]


@case("runs children")
def run_children(desk: Desk) -> None:
    parent = desk.run(executor="nobody")
    child = desk.run(parent_id=parent.id)
    assert [run["id"] for run in desk.shown("runs", "children", parent.id)] == [child.id]
    parent.cancel()
    assert child.refresh().state == "canceled"


@case("runs lineage")
def run_lineage(desk: Desk) -> None:
    parent = desk.run(executor="nobody")
    child = desk.run(parent_id=parent.id)
    told = desk.json("runs", "lineage", child.id)
    assert told["root"]["id"] == parent.id
    assert "← this one" in desk.text("runs", "lineage", child.id)
    parent.cancel()


@case("runs cancel")
def cancel_runs(desk: Desk) -> None:
    runs = [desk.run().id for _ in range(3)]
    assert desk.json("runs", "cancel", runs[0], "--reason", "why not")["state"] == "canceled"
    assert [run["state"] for run in desk.json("runs", "cancel", *runs[1:])] == ["canceled"] * 2
    desk.json("runs", "cancel", "00000000-0000-7000-8000-000000000000", code=5)


@case("runs pause")
def pause_run(desk: Desk) -> None:
    run = desk.run()
    assert desk.json("runs", "pause", run.id)["state"] == "paused"
    run.cancel()
    assert desk.json("runs", "pause", run.id, code=6)["code"] == "illegal_move"


@case("runs resume")
def resume_run(desk: Desk) -> None:
    run = desk.client.runs.pause(desk.run().id)
    assert desk.json("runs", "resume", run.id)["state"] == "queued"
    run.cancel()


@case("runs reschedule")
def reschedule_run(desk: Desk) -> None:
    run = desk.run()
    later = desk.json("runs", "reschedule", run.id, "--delay", "1h", "-p", '"other"')
    assert (later["state"], later["payload"]) == ("scheduled", "other")
    assert "scheduled" in desk.text("runs", "reschedule", run.id, "--at", "2100-01-01T00:00:00Z")
    assert desk.json("runs", "reschedule", run.id)["state"] == "queued"
    run.cancel()


@case("runs retry")
def retry_run(desk: Desk) -> None:
    run = desk.run().cancel()
    again = desk.json("runs", "retry", run.id, "--config", '{"depth": 2}')
    assert (again["retry_of"], again["payload"]["config"]) == (run.id, {"depth": 2})
    desk.client.runs.cancel(again["id"])


@case("runs replay")
def replay_run(desk: Desk) -> None:
    run, token = desk.claimed()
    desk.client.runs.add_checkpoint(run.id, {"at": 1}, token=token)
    desk.client.runs.complete([CompleteReport(run_id=run.id, token=token)])
    again = desk.json("runs", "replay", run.id, "-p", "[1]")
    assert (again["replay_of"], again["payload"]) == (run.id, [1])
    resumed = desk.json("runs", "replay", run.id, "--from-checkpoint", "1")
    assert (resumed["replay_of"], resumed["payload"]) == (run.id, {"at": 1})
    for made in (again, resumed):
        desk.client.runs.cancel(made["id"])


@case("runs requeue")
def requeue_run(desk: Desk) -> None:
    run = desk.dead()
    assert desk.json("runs", "requeue", run.id)["state"] == "queued"
    run.cancel()


@case("runs discard")
def discard_run(desk: Desk) -> None:
    assert desk.json("runs", "discard", desk.dead().id, "--reason", "hopeless")["state"] == "failed"


@case("runs resolve")
def resolve_run(desk: Desk) -> None:
    assert desk.json("runs", "resolve", desk.dead().id)["resolved"]


# -- the dead letter, and many runs at once


@case("dlq list")
def list_dead(desk: Desk) -> None:
    run = desk.dead()
    assert [one["id"] for one in desk.shown("dlq", "list")] == [run.id]
    assert desk.json("dlq", "list", "--error-class", "other") == []
    desk.client.runs.discard(run.id)


@case("dlq groups")
def dead_groups(desk: Desk) -> None:
    dead = [desk.dead("the same") for _ in range(2)]
    (group,) = desk.shown("dlq", "groups")
    assert (group["count"], group["message"]) == (2, "the same")
    for run in dead:
        desk.client.runs.discard(run.id)


def decided(desk: Desk, verb: str) -> list[str]:
    """The states of the dead runs after the verb was applied to one, to two, and to all that match."""
    alone, *two = [desk.dead() for _ in range(3)]
    desk.client.jobs.create(f"dying-{verb}")
    matching = [desk.dead(job=f"dying-{verb}") for _ in range(2)]
    assert isinstance(desk.json("dlq", verb, alone.id), dict)
    assert desk.json("dlq", verb, *[run.id for run in two])["done"] == 2
    assert desk.json("dlq", verb, "--all", "--job", f"dying-{verb}", "--dry-run")["total"] == 2
    assert desk.json("dlq", verb, "--all", "--job", f"dying-{verb}", code=2)["code"] == "usage"
    assert desk.json("dlq", verb, "--all", "--job", f"dying-{verb}", "-y")["done"] == 2
    runs = [run.refresh() for run in (alone, *two, *matching)]
    for run in desk.client.runs.list(state=["queued", "dead_letter"]):
        run.cancel()
    return [f"{run.state} {'resolved' if run.resolved else ''}".strip() for run in runs]


@case("dlq replay")
def replay_dead(desk: Desk) -> None:
    before = len([*desk.client.runs.list()])
    assert decided(desk, "replay") == ["dead_letter"] * 5
    assert len([*desk.client.runs.list()]) == before + 10


@case("dlq requeue")
def requeue_dead(desk: Desk) -> None:
    assert decided(desk, "requeue") == ["queued"] * 5


@case("dlq discard")
def discard_dead(desk: Desk) -> None:
    assert decided(desk, "discard") == ["failed resolved"] * 5


@case("dlq resolve")
def resolve_dead(desk: Desk) -> None:
    assert decided(desk, "resolve") == ["dead_letter resolved"] * 5


@case("bulk start")
def start_bulk(desk: Desk) -> None:
    runs = [desk.run(tags=["bulk"]).id for _ in range(5)]
    assert desk.json("bulk", "start", "cancel", *runs[:2], "--reason", "two of them")["done"] == 2
    assert desk.json("bulk", "start", "cancel", "--tag", "bulk", "--state", "queued", "--dry-run")["total"] == 3
    assert desk.json("bulk", "start", "cancel", "--tag", "bulk", "--state", "queued", code=2)["code"] == "usage"
    bulk = desk.json("bulk", "start", "cancel", "--tag", "bulk", "--state", "queued", "-y")
    assert (bulk["total"], bulk["done"], bulk["failed"]) == (3, 3, 0)
    assert desk.json("bulk", "start", "resume", code=2)["code"] == "usage"
    refused = desk.json("bulk", "start", "requeue", runs[0], code=1)
    assert (refused["failed"], len(refused["errors"])) == (1, 1)


@case("bulk list")
def list_bulks(desk: Desk) -> None:
    desk.client.bulk.start("cancel", ids=[desk.run().id])
    assert desk.shown("bulk", "list", "-n", "1")[0]["action"] == "cancel"


@case("bulk get")
def get_bulk(desk: Desk) -> None:
    bulk = desk.client.bulk.start("cancel", ids=[desk.run().id], dry_run=True)
    assert desk.shown("bulk", "get", bulk.id)["dry_run"]
    assert desk.json("bulk", "get", "nothing", code=5)["code"] == "not_found"


@case("bulk cancel")
def cancel_bulk(desk: Desk) -> None:
    bulk = desk.json("bulk", "start", "cancel", desk.run().id, "--no-wait")
    # It may be through already, which nothing can stop.
    assert desk.call("bulk", "cancel", bulk["id"], "-o", "json", code=_ended(desk, bulk["id"])).code in {0, 6}


def _ended(desk: Desk, bulk: str) -> int:
    while desk.client.bulk.get(bulk).finished_at is None:
        pass
    return 6


# -- everything else


@case("jobs create")
def create_job(desk: Desk) -> None:
    job = desk.json(
        *("jobs", "create", "mail", "--spec", '{"retry": {"jitter": 0}}', "--description", "sends", "--queue", "q"),
        *("--executor", "worker", "--priority", "4", "--max-attempts", "5", "--timeout", "2m", "--concurrency", "3"),
        *("--concurrency-per-key", "1", "--tag", "a:b"),
    )
    assert (job["name"], job["version"], job["enabled"]) == ("mail", 1, True)
    assert job["spec"]["retry"]["max_attempts"] == 5
    assert job["spec"]["concurrency"] == {"max": 3, "max_per_key": 1}
    assert desk.json("jobs", "create", "mail", code=6)["code"] == "already_exists"
    assert desk.json("jobs", "create", "off", "--disabled")["enabled"] is False


@case("jobs list")
def list_jobs(desk: Desk) -> None:
    assert {job["name"] for job in desk.shown("jobs", "list")} == {"mail", "off"}


@case("jobs get")
def get_job(desk: Desk) -> None:
    assert desk.shown("jobs", "get", "mail")["spec"]["description"] == "sends"


@case("jobs update")
def update_job(desk: Desk) -> None:
    assert desk.json("jobs", "update", "mail", "--description", "changed")["version"] == 2
    assert desk.json("jobs", "update", "mail", code=2)["code"] == "usage"


@case("jobs versions")
def job_versions(desk: Desk) -> None:
    assert [one["version"] for one in desk.shown("jobs", "versions", "mail")] == [2, 1]


@case("jobs disable")
def disable_job(desk: Desk) -> None:
    assert desk.json("jobs", "disable", "mail")["enabled"] is False
    assert desk.json("runs", "create", "mail", code=6)["code"] == "conflict"


@case("jobs enable")
def enable_job(desk: Desk) -> None:
    assert desk.json("jobs", "enable", "mail")["enabled"] is True


@case("jobs delete")
def delete_job(desk: Desk) -> None:
    assert desk.json("jobs", "delete", "off", code=2)["code"] == "usage"
    assert desk.json("jobs", "delete", "off", "--yes") == {"deleted": "off"}
    desk.json("jobs", "get", "off", code=5)


@case("artifacts put")
def put_artifact(desk: Desk) -> None:
    file = desk.folder / "page.html"
    file.write_text("<p>hello</p>")
    run = desk.run(tags=["files"])
    assert desk.json("artifacts", "put", run.id, str(file))["content_type"] == "text/html"
    assert desk.json("artifacts", "put", run.id, str(file), "--name", "other")["name"] == "other"
    assert desk.json("artifacts", "put", run.id, str(desk.folder / "none"), code=1)["code"] == "os_error"


@case("artifacts list")
def list_artifacts(desk: Desk) -> None:
    (run,) = desk.client.runs.list(tag="files")
    assert {file["name"] for file in desk.shown("artifacts", "list", run.id)} == {"page.html", "other"}


@case("artifacts get")
def get_artifact(desk: Desk) -> None:
    (run,) = desk.client.runs.list(tag="files")
    target = desk.folder / "fetched"
    assert desk.json("artifacts", "get", run.id, "page.html", "--to", str(target))["size"] == 12
    assert target.read_text() == "<p>hello</p>"
    assert desk.json("artifacts", "get", run.id, "page.html", "--to", str(target), code=2)["code"] == "usage"
    desk.json("artifacts", "get", run.id, "other", "--to", str(target), "--force")
    desk.json("artifacts", "get", run.id, "none", code=5)
    run.cancel()


@case("keys create")
def create_key(desk: Desk) -> None:
    key = desk.json("keys", "create", "ci", "--scope", "runs:read,runs:write", "--expires", "90d")
    assert key["key"].startswith("ry_")
    assert (key["project"], key["scopes"]) == (desk.place.project, ["runs:read", "runs:write"])
    assert desk.json("keys", "create", "none", code=2)["code"] == "usage"
    assert desk.json("keys", "create", "wrong", "--scope", "everything", code=2)["code"] == "invalid"
    assert desk.text("keys", "create", "shown", "--scope", "runs:read").startswith("key ")


@case("keys list")
def list_keys(desk: Desk) -> None:
    keys = desk.shown("keys", "list")
    assert {"ci", "shown"} <= {key["name"] for key in keys}
    assert not any(key.get("key") for key in keys)


@case("keys rotate")
def rotate_key(desk: Desk) -> None:
    (key,) = [key for key in desk.json("keys", "list") if key["name"] == "ci"]
    made = desk.json("keys", "rotate", key["id"], "--grace", "2d")
    assert (made["scopes"], made["key"][:3]) == (key["scopes"], "ry_")
    assert desk.client.keys.get(key["id"]).replaced_by == made["id"]
    assert "cannot be shown again" in desk.call("keys", "rotate", made["id"]).err


@case("keys revoke")
def revoke_key(desk: Desk) -> None:
    (key,) = [key for key in desk.json("keys", "list") if key["name"] == "shown"]
    assert desk.json("keys", "revoke", key["id"], "-y")["revoked_at"]
    assert desk.json("keys", "revoke", key["id"], code=2)["code"] == "usage"


@case("keys connection")
def list_connection_keys(desk: Desk) -> None:
    (key,) = [one for one in desk.shown("keys", "connection") if one["retired_at"] is None]
    assert key["algorithm"] == "RS256"
    assert desk.text("keys", "connection", "--pem").strip() == key["public_key"].strip()
    assert desk.json("keys", "connection", "--pem") == [key]


@case("keys rotate-connection")
def rotate_connection_key(desk: Desk) -> None:
    old = desk.json("keys", "connection")[0]
    made = desk.json("keys", "rotate-connection", "-y")
    assert [key["id"] for key in desk.json("keys", "connection")][:2] == [made["id"], old["id"]]
    assert desk.json("keys", "rotate-connection", code=2)["code"] == "usage"


@case("projects create")
def create_project(desk: Desk) -> None:
    slug = f"{desk.place.project}-made"
    assert desk.json("projects", "create", slug, "--name", "Made")["name"] == "Made"
    assert desk.json("projects", "create", slug, code=6)["code"] == "already_exists"


@case("projects list")
def list_projects(desk: Desk) -> None:
    assert desk.place.project in {project["slug"] for project in desk.shown("projects", "list", "-n", "200")}


@case("projects get")
def get_project(desk: Desk) -> None:
    assert desk.shown("projects", "get", f"{desk.place.project}-made")["name"] == "Made"
    assert desk.json("projects", "get", "nowhere", code=5)["code"] == "not_found"


@case("projects update")
def update_project(desk: Desk) -> None:
    slug = f"{desk.place.project}-made"
    changed = desk.json("projects", "update", slug, "--name", "Anew", "--settings", '{"max_running": 3}')
    assert (changed["name"], changed["settings"]["max_running"]) == ("Anew", 3)
    assert '"max_running": 3' in desk.text("projects", "get", slug)
    assert desk.json("projects", "update", slug, code=2)["code"] == "usage"


@case("projects delete")
def delete_project(desk: Desk) -> None:
    slug = f"{desk.place.project}-made"
    assert desk.json("projects", "delete", slug, code=2)["code"] == "usage"
    assert desk.json("projects", "delete", slug, "-y") == {"deleted": slug}
    assert desk.json("projects", "get", slug, code=5)["code"] == "not_found"


@case("doctor")
def doctor(desk: Desk) -> None:
    checks = {check["name"]: check["status"] for check in desk.json("doctor")["checks"]}
    assert {checks.get(name) for name in ("server", "ready", "key", "release", "database")} == {"ok"}
    assert "ok" in desk.text("doctor")
    assert desk.lines("doctor")


@case("version")
def version(desk: Desk) -> None:
    assert desk.shown("version")["version"]


# -- as processes


def test_watching_follows_a_run_until_it_ends(place: Place, tmp_path: Path) -> None:
    run = place.client.runs.create()
    where = {"RUNYARD_URL": place.server.url, "RUNYARD_KEY": place.server.key, "RUNYARD_PROJECT": place.project}
    watching = subprocess.Popen(
        command("runs", "watch", run.id, "-o", "jsonl"),
        env=environment(tmp_path, **where),
        stdout=subprocess.PIPE,
        text=True,
    )
    with watching:
        assert watching.stdout is not None
        told = [json.loads(watching.stdout.readline())]
        (claim,) = place.client.runs.claim()
        place.client.runs.add_logs(run.id, [{"message": "half way"}], token=claim.lease.token)
        place.client.runs.complete([CompleteReport(run_id=run.id, token=claim.lease.token)])
        told += [json.loads(line) for line in watching.stdout]
        assert watching.wait(30) == 0
    assert [line.get("message") or line["type"] for line in told if "seq" in line] == [
        "run.created",
        "run.claimed",
        "half way",
        "run.completed",
    ]


def test_waiting_for_a_created_run_tells_how_it_ended(desk: Desk) -> None:
    def work(end: Callable[[str, str], Any]) -> threading.Thread:
        def claim_and_end() -> None:
            (claim,) = desk.client.runs.claim(wait_seconds=30)
            end(claim.run.id, claim.lease.token)

        thread = threading.Thread(target=claim_and_end)
        thread.start()
        return thread

    runs = desk.client.runs
    completing = work(lambda run, token: runs.complete([CompleteReport(run_id=run, token=token, output=[7])]))
    assert desk.json("runs", "create", "--wait", "--timeout", "60s")["output"] == [7]
    completing.join()
    failing = work(lambda run, token: runs.fail([FailReport(run_id=run, token=token, error="no", retryable=False)]))
    assert desk.json("runs", "create", "--wait", code=9)["state"] == "dead_letter"
    failing.join()


def test_who_cannot_reach_or_may_not_is_told_so(desk: Desk) -> None:
    key = desk.client.keys.create("reader", scopes=["runs:read"], project=desk.place.project).key
    assert key is not None
    url = desk.place.server.url
    for code, arguments in (
        (4, ("runs", "list", "--url", url, "--key", "ry_wrong")),
        (4, ("runs", "create", "--url", url, "--key", key)),
        (75, ("runs", "list", "--url", "http://127.0.0.1:9", "--key", key)),
        (2, ("runs", "list", "--no-such-option")),
        (2, ("runs", "list", "-n", "0")),
    ):
        assert run_command([*arguments, "-o", "json"]) == code
        said = desk._capsys.readouterr()
        assert said.out == ""
        assert json.loads(said.err)["message"]
