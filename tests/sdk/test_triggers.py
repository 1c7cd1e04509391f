"""Triggers, schedules, secrets, environments and waits in the SDK: it speaks and understands the native API's words."""

from __future__ import annotations

import asyncio
from typing import Any, get_args, get_type_hints

import httpx2
import msgspec
import pytest

from runyard.dialects.native import wire as native
from runyard.dialects.native.wire import admin, debug, jobs, triggers, waits
from runyard.sdk import AsyncClient, Run, fields, models
from runyard.sdk.handles import AsyncRun
from tests.sdk.test_client import ClientOf, Recorder

QUEUED = {"id": "r", "state": "queued"}
WAIT = {"id": "w", "key": "a/b?", "run_id": "r", "state": "received", "request": {"for": "me"}, "payload": [1]}


def names(struct: Any) -> set[str]:
    """The fields of a shape."""
    return {field.encode_name for field in msgspec.structs.fields(struct)}


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        (models.Triggered, triggers.TriggerOut),
        (models.Schedule, triggers.Schedule),
        (models.EventWait, waits.EventWait),
        (models.Dependency, waits.Dependency),
        (models.RunDependency, waits.RunDependency),
        (models.RunDependencies, waits.RunDependencies),
        (models.JobHealth, jobs.JobHealth),
        (models.Secret, native.Secret),
        (models.Environment, native.Environment),
        (models.DebugBundle, debug.DebugBundle),
        (models.Sample, debug.Sample),
    ],
)
def test_every_field_of_an_answer_is_known(mine: Any, theirs: Any) -> None:
    assert names(mine) == names(theirs)


def test_a_trigger_may_say_all_that_is_understood() -> None:
    assert set(get_type_hints(fields.TriggerFields)) | {"payload"} == names(triggers.TriggerIn)


def test_a_project_may_have_all_limits_that_are_understood() -> None:
    assert set(get_type_hints(fields.ProjectSettings)) == names(admin.ProjectSettings)
    assert set(get_args(fields.Condition)) == set(get_args(get_type_hints(waits.DependencyIn)["condition"]))


def test_a_restart_may_name_every_preset_that_is_understood() -> None:
    (known, _) = get_args(get_type_hints(native.RestartIn)["preset"])
    assert get_args(fields.Preset) == get_args(known)


def sent(server: Recorder) -> tuple[str, str, Any]:
    """Method, path and body of the last request."""
    body = server.body if server.last.content else None
    return server.last.method, server.last.url.raw_path.decode().removeprefix("/runyard/v1"), body


def test_a_trigger_is_answered_with_a_run_that_can_be_followed(client_of: ClientOf) -> None:
    server = Recorder(
        {"outcome": "created", "run": QUEUED, "payload_hash": "h", "fire_at": None, "warnings": []},
        {"id": "r", "state": "completed"},
        {"outcome": "debounced", "run": None, "payload_hash": None, "fire_at": "2026-01-01T00:00:00Z", "warnings": []},
    )
    client = client_of(server)
    made = client.jobs.trigger("send mail", {"n": 1}, debounce_key="k", priority=3)
    assert sent(server) == (
        "POST",
        "/jobs/send%20mail/trigger",
        {"payload": {"n": 1}, "debounce_key": "k", "priority": 3},
    )
    assert server.last.headers["idempotency-key"]
    assert isinstance(made.run, Run)
    assert made.run.wait().state == "completed"
    put_off = client.jobs.trigger("mail")
    assert sent(server) == ("POST", "/jobs/mail/trigger", {})
    assert (put_off.outcome, put_off.run, put_off.fire_at is not None) == ("debounced", None, True)


def test_an_async_trigger_is_answered_with_an_async_run() -> None:
    server = Recorder({"outcome": "created", "run": QUEUED}, {"id": "r", "state": "completed"})

    async def go() -> str:
        async with AsyncClient("http://yard.test", "ry_key", transport=httpx2.MockTransport(server)) as client:
            made = await client.jobs.trigger("mail")
            assert isinstance(made.run, AsyncRun)
            return (await made.run.refresh()).state

    assert asyncio.run(go()) == "completed"


def test_schedules_are_listed_and_read(client_of: ClientOf) -> None:
    schedule = {"job": "mail", "job_id": "j", "cron": "0 * * * *", "next": ["2026-01-01T00:00:00Z"]}
    server = Recorder({"data": [schedule], "next_cursor": None}, schedule)
    client = client_of(server)
    (listed,) = client.schedules.list(count=1)
    assert (dict(server.last.url.params), listed.job) == ({"count": "1"}, "mail")
    assert client.schedules.get("mail").next[0].year == 2026
    assert sent(server)[:2] == ("GET", "/jobs/mail/schedule")


def test_secrets_and_environments_are_set_listed_and_deleted(client_of: ClientOf) -> None:
    stage = {"id": "e", "name": "stage", "variables": ["A"]}
    server = Recorder(
        {"name": "KEY"},
        {"data": [{"name": "KEY"}], "next_cursor": None},
        httpx2.Response(204),
        stage,
        stage,
        {"data": [stage], "next_cursor": None},
        httpx2.Response(204),
    )
    client = client_of(server)
    client.secrets.set("mail", "KEY", "hush")
    assert sent(server) == ("PUT", "/jobs/mail/secrets/KEY", {"value": "hush"})
    assert [one.name for one in client.secrets.list("mail")] == ["KEY"]
    client.secrets.delete("mail", "KEY")
    assert sent(server) == ("DELETE", "/jobs/mail/secrets/KEY", None)
    client.environments.set("stage", {"A": "1"})
    assert sent(server) == ("PUT", "/environments/stage", {"variables": {"A": "1"}})
    assert client.environments.get("stage").variables == ["A"]
    assert [one.name for one in client.environments.list()] == ["stage"]
    client.environments.delete("stage")
    assert sent(server) == ("DELETE", "/environments/stage", None)


def test_waits_are_listed_found_sent_to_and_canceled(client_of: ClientOf) -> None:
    server = Recorder({"data": [WAIT], "next_cursor": None}, WAIT, WAIT, WAIT, WAIT)
    client = client_of(server)
    (listed,) = client.waits.list(state="received")
    assert (listed.request, listed.payload) == ({"for": "me"}, [1])
    assert client.waits.find("a/b?").id == "w"
    assert dict(server.last.url.params) == {"key": "a/b?"}
    client.waits.send("a/b?", [1])
    assert sent(server) == ("POST", "/event-waits/send", {"key": "a/b?", "payload": [1]})
    client.waits.send("a/b?")
    assert sent(server)[2] == {"key": "a/b?"}
    client.waits.cancel("a/b?")
    assert sent(server) == ("POST", "/event-waits/cancel", {"key": "a/b?"})


def test_a_run_is_restarted_and_looked_at_closely(client_of: ClientOf) -> None:
    run = {**QUEUED, "debug": True}
    bundle = {"run": run, "logs": [{"seq": 1, "message": "hi"}], "samples": [{"id": "s", "run_id": "r"}]}
    server = Recorder(run, run, bundle)
    client = client_of(server)
    assert isinstance(client.runs.restart("r", preset="small-2x", reason="stuck"), Run)
    assert sent(server) == ("POST", "/runs/r/restart", {"preset": "small-2x", "reason": "stuck"})
    assert client.runs.set_debug("r", on=True).debug
    assert sent(server) == ("POST", "/runs/r/debug", {"on": True})
    found = client.runs.debug("r")
    assert (found.run.id, found.logs[0].message, found.samples[0].id) == ("r", "hi", "s")
