"""Execution profiles over HTTP (contract §18)."""

from __future__ import annotations

from typing import Any

import pytest

from runyard.dialects.agh.mapping.values import NEVER, shown
from tests.dialects.agh.client import Agh, good, refused
from tests.support.verbs import Json
from tests.support.yard import Yard

on_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
USUAL = {
    "coordinator": {"mode": "inherit"},
    "worker": {"mode": "inherit"},
    "review": {},
    "participants": {},
    "sandbox": {"mode": "inherit"},
    "runtime": {"mode": "default"},
}


@pytest.fixture
def yard(agh: Agh) -> Yard:
    """The same server's engine."""
    return Yard(agh.stand.store, agh.stand.clock)


@pytest.fixture
def path(yard: Yard) -> str:
    """Where the profile of a new task is."""
    return f"/api/tasks/{shown('task', yard.task().id)}/execution-profile"


def put(agh: Agh, path: str, **parts: Any) -> Json:
    profile: Json = good(agh.put(path, parts, loose=True))["profile"]
    return profile


def test_a_task_without_a_profile_has_the_usual_one(agh: Agh, path: str) -> None:
    usual = {**USUAL, "task_id": path.split("/")[3], "created_at": NEVER, "updated_at": NEVER}
    assert good(agh.get(path))["profile"] == usual
    refused(agh.delete(path), 404, "profile")
    whole = put(agh, path, **usual)
    assert {name: whole[name] for name in USUAL} == USUAL
    assert NEVER not in (whole["created_at"], whole["updated_at"])
    assert good(agh.get(path))["profile"] == whole


def test_all_of_a_profile_is_replaced(agh: Agh, path: str) -> None:
    said = {
        "coordinator": {
            "mode": "Guided",
            "agent_name": " lead ",
            "guidance": " slowly ",
            "provider": "p",
            "model": "m",
        },
        "worker": {"mode": "select", "allowed_agent_names": ["b", "a", " b ", ""], "required_capabilities": ["go"]},
        "review": {"agent_name": "judge", "preferred_peer_ids": ["p"], "allowed_channel_ids": None},
        "participants": {"preferred_channel_ids": ["c"]},
        "sandbox": {"mode": "ref", "sandbox_ref": "box"},
        "runtime": {"mode": "evidence"},
        "task_id": "",
        "created_at": "1999-01-01T00:00:00Z",
    }
    found = put(agh, path, **said)
    assert {name: found[name] for name in USUAL} == {
        "coordinator": {"mode": "guided", "agent_name": "lead", "guidance": "slowly", "provider": "p", "model": "m"},
        "worker": {"mode": "select", "allowed_agent_names": ["a", "b"], "required_capabilities": ["go"]},
        "review": {"agent_name": "judge", "preferred_peer_ids": ["p"]},
        "participants": {"preferred_channel_ids": ["c"]},
        "sandbox": {"mode": "ref", "sandbox_ref": "box"},
        "runtime": {"mode": "evidence"},
    }
    assert found["created_at"] == found["updated_at"] > "2000"
    agh.stand.clock.forward(seconds=1)
    later = put(agh, path)
    assert {name: later[name] for name in USUAL} == USUAL
    assert later["created_at"] == found["created_at"] < later["updated_at"]
    assert agh.delete(path).status_code == 204
    assert good(agh.get(path))["profile"]["created_at"] == NEVER
    refused(agh.delete(path), 404)
    lines = good(agh.get(path.replace("execution-profile", "timeline")))["timeline"][1:]
    assert [one["event_type"].removeprefix("task.execution_profile_") for one in lines] == [
        "updated",
        "updated",
        "deleted",
    ]
    assert lines[0]["payload"] == {
        "task_id": path.split("/")[3],
        "coordinator_mode": "guided",
        "worker_mode": "select",
        "sandbox_mode": "ref",
    }


def test_it_decides_who_is_given_the_queued_run(agh: Agh, yard: Yard) -> None:
    task = yard.task()
    yard.queue(task)
    path = f"/api/tasks/{shown('task', task.id)}/execution-profile"
    put(agh, path, worker={"agent_name": "tester"})
    assert yard.claim_next(yard.session("coder")) is None
    put(agh, path, worker={"agent_name": "coder"})
    assert yard.claim_next(yard.session("coder")) is not None
    refused(agh.put(path, {}, loose=True), 409, "claimed")
    refused(agh.delete(path), 409, "claimed")


@on_sqlite
def test_what_makes_no_sense_is_refused(agh: Agh, path: str, stranger: Agh) -> None:
    refused(agh.put(path), 400, "body")
    for body, word in (
        ({"task_id": "other"}, "task_id"),
        ({"task_id": "x" * 300}, "task_id"),
        ({"worker": {"mode": "some"}}, "worker.mode"),
        ({"worker": []}, "worker"),
        ({"worker": {"allowed_agent_names": "a"}}, "allowed_agent_names"),
        ({"worker": {"allowed_agent_names": [1]}}, "allowed_agent_names"),
        ({"coordinator": {"guidance": "x" * 8193}}, "8192"),
        ({"worker": {"model": "x" * 129}}, "128"),
        ({"review": {"required_capabilities": ["a b"]}}, "blanks"),
        ({"review": {"allowed_peer_ids": ["a\nb"]}}, "line breaks"),
        ({"review": {"agent_name": "a", "allowed_agent_names": ["b"]}}, "agent_name"),
        ({"sandbox": {"mode": "ref"}}, "sandbox_ref"),
        ({"sandbox": {"sandbox_ref": "box"}}, "sandbox_ref"),
        ({"runtime": {"mode": "none"}}, "evidence"),
        ({"review": {"preferred_agent_names": [f"{one:0128d}" for one in range(40)]}}, "2000"),
    ):
        refused(agh.put(path, body, loose=True), 400, word)
    assert good(agh.get(path))["profile"]["created_at"] == NEVER
    for wrong in ("task-" + "0" * 32, "nothing", "%00"):
        other = f"/api/tasks/{wrong}/execution-profile"
        refused(agh.get(other), 404)
        refused(agh.put(other, {}, loose=True), 404)
        refused(agh.delete(other), 404)
    refused(stranger.get(path), 404)
    refused(stranger.put(path, {}, loose=True), 404)
    refused(agh.with_scopes("task:read").delete(path), 403, "task:write")
    good(agh.with_scopes("task:read").get(path))
