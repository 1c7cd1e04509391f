"""What job runs need of the command line, against a real server: triggers, schedules, secrets, waits, restarts."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runyard.sdk import WaitReport
from tests.e2e.conftest import Place
from tests.e2e.desk import Desk
from tests.e2e.tables import fields, rows

Pipe = Callable[[str], None]


@pytest.fixture
def desk(place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    """The command line on a project of its own."""
    return Desk(place, tmp_path, capsys)


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Pipe:
    """Send this to standard input."""
    return lambda text: monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


def test_a_job_is_triggered_as_its_settings_say(desk: Desk) -> None:
    desk.client.jobs.create("mail", debounce_seconds=60)
    desk.client.jobs.create("now", dedup_seconds=60)
    late = desk.json("jobs", "trigger", "mail", "-p", "[1]", "--debounce-key", "k")
    assert (late["outcome"], late["run"], late["fire_at"] is not None) == ("debounced", None, True)
    assert desk.json("jobs", "trigger", "mail", "--wait", code=1)["code"] == "put_off"
    made = desk.json("jobs", "trigger", "now", "-p", '{"n":1}', "--priority", "4", "--tag", "a")
    assert (made["outcome"], made["run"]["payload"], made["run"]["priority"]) == ("created", {"n": 1}, 4)
    assert desk.text("jobs", "trigger", "now", "-p", '{"n":1}', "-q").strip() == made["run"]["id"]
    tried = desk.json("jobs", "trigger", "now", "--dry-run")
    assert tried["outcome"] == "checked"
    assert desk.json("runs", "get", tried["run"]["id"], code=5)["code"] == "not_found"
    assert desk.json("jobs", "trigger", "unheard of", code=5)["code"] == "not_found"


def test_jobs_depend_on_others_and_are_healthy(desk: Desk) -> None:
    jobs = {name: desk.client.jobs.create(name).id for name in ("fetch", "mail")}
    assert "depends on no other" in desk.call("jobs", "dependencies", "mail").err
    made = desk.json("jobs", "add-dependency", "mail", "fetch", "--condition", "any")
    assert (made["job_id"], made["depends_on"], made["condition"]) == (jobs["mail"], jobs["fetch"], "any")
    assert [one["id"] for one in desk.shown("jobs", "dependencies", "mail")] == [made["id"]]
    run = desk.run(job="mail")
    assert desk.shown("runs", "dependencies", run.id)["met"] is False
    assert rows(desk.text("runs", "dependencies", run.id)) == [{"JOB": jobs["fetch"], "LAST RUN": "any", "MET": "no"}]
    desk.completed(job="fetch")
    assert desk.json("jobs", "remove-dependency", "mail", "fetch")["id"] == made["id"]
    assert desk.json("jobs", "remove-dependency", "mail", "fetch", code=5)["code"] == "not_found"
    assert desk.json("jobs", "health", "fetch", "--hours", "24")["ended"]["completed"] == 1
    assert fields(desk.text("jobs", "health", "fetch"))["success"] == "100%"


def test_schedules_are_told_with_their_next_times(desk: Desk) -> None:
    assert desk.json("schedules", "list") == []
    desk.client.jobs.create("hourly", cron={"expression": "0 * * * *", "overlap": "skip"}, timezone="Asia/Kathmandu")
    (told,) = desk.shown("schedules", "list")
    assert (told["job"], told["overlap"], len(told["next"])) == ("hourly", "skip", 3)
    assert all(at.endswith(":15:00Z") for at in told["next"])
    assert len(desk.json("schedules", "list", "--count", "5")[0]["next"]) == 5
    assert desk.client.schedules.get("hourly").timezone == "Asia/Kathmandu"


def test_secrets_are_kept_and_shown_to_nobody(desk: Desk, pipe: Pipe) -> None:
    desk.client.jobs.create("mail")
    pipe("hush hush\n")
    said = desk.call("secrets", "set", "mail", "API_KEY")
    assert "hush" not in said.out + said.err
    (told,) = desk.shown("secrets", "list", "mail")
    assert told.keys() == {"name", "updated_at"}
    pipe("two\nlines\n")
    refused = desk.json("secrets", "set", "mail", "OTHER", code=2)
    assert refused["code"] == "invalid"
    assert "lines" not in refused["message"].replace("one line", "")
    desk.json("secrets", "delete", "mail", "API_KEY", "--yes")
    assert desk.json("secrets", "list", "mail") == []
    assert desk.json("secrets", "delete", "mail", "API_KEY", "--yes", code=5)["code"] == "not_found"


def test_environments_are_made_changed_and_forgotten(desk: Desk, pipe: Pipe) -> None:
    pipe("A=1\nB=2\n")
    made = desk.json("environments", "set", "stage")
    assert made["variables"] == ["A", "B"]
    assert [one["name"] for one in desk.shown("environments", "list")] == ["stage"]
    pipe("B=3\nC=4\n")
    assert "A" in desk.call("environments", "set", "stage", code=2).err
    assert desk.client.environments.get("stage").variables == ["A", "B"]
    pipe("B=3\nC=4\n")
    assert desk.json("environments", "set", "stage", "--yes")["variables"] == ["B", "C"]
    assert desk.shown("environments", "get", "stage")["id"] == made["id"]
    desk.client.jobs.create("mail", environment_id=made["id"])
    assert desk.json("environments", "delete", "stage", "--yes", code=6)["code"] == "conflict"
    desk.client.jobs.delete("mail")
    desk.json("environments", "delete", "stage", "--yes")
    assert desk.json("environments", "get", "stage", code=5)["code"] == "not_found"


def test_events_are_sent_to_the_runs_that_wait_for_them(desk: Desk) -> None:
    assert desk.json("waits", "list") == []
    for key in ("order/1", "order/2"):
        run, token = desk.claimed()
        desk.client.runs.park([WaitReport(run_id=run.id, token=token, event=key, request={"for": "ann"})])
    assert [one["key"] for one in desk.shown("waits", "list", "--state", "waiting")] == ["order/2", "order/1"]
    sent = desk.json("waits", "send", "order/1", "-p", '{"yes": true}')
    assert (sent["state"], sent["payload"]) == ("received", {"yes": True})
    assert desk.client.runs.get(sent["run_id"]).state == "queued"
    gone = desk.json("waits", "cancel", "order/2")
    assert (gone["state"], desk.client.runs.get(gone["run_id"]).state) == ("canceled", "canceled")
    assert desk.client.waits.find("order/1").payload == {"yes": True}
    assert desk.json("waits", "send", "order/3", code=5)["code"] == "not_found"


def test_a_run_is_restarted_and_looked_at_closely(desk: Desk) -> None:
    run, token = desk.claimed()
    desk.client.runs.add_logs(run.id, [{"message": "half way"}], token=token)
    assert desk.json("runs", "restart", run.id, code=6)["code"] == "illegal_move"
    desk.client.runs.pause(run.id)
    again = desk.json("runs", "restart", run.id, "--preset", "small-2x", "--reason", "too small")
    assert (again["state"], again["metadata"]) == ("queued", {"_preset_override": "small-2x"})
    assert desk.json("runs", "debug", run.id, "--on")["debug"] is True
    told = desk.shown("runs", "debug", run.id)
    assert (told["run"]["id"], told["run"]["debug"], told["logs"][0]["message"]) == (run.id, True, "half way")
    assert "half way" in desk.text("runs", "debug", run.id)
    assert desk.json("runs", "debug", run.id, "--off")["debug"] is False
