"""Timelines of tasks, and following them (contract §23, §24)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest

from tests.dialects.agh.client import Agh, good, refused
from tests.support.verbs import Json


@contextmanager
def followed(agh: Agh, path: str, **headers: str) -> Iterator[Iterator[Json]]:
    """The events of a stream, as they come."""
    request = agh.request("GET", path, headers=headers)
    response = agh.stand.http.send(request, stream=True)
    assert response.status_code == 200
    try:
        yield events(response)
    finally:
        response.close()


def events(response: httpx2.Response) -> Iterator[Json]:
    """Frame after frame."""
    fields: Json = {}
    for line in response.iter_lines():
        if not line:
            if "data" in fields:
                yield {**fields, "data": json.loads(fields["data"])}
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value


def test_a_timeline_says_what_happened_in_order(agh: Agh) -> None:
    task = agh.task()
    run = agh.start(task)
    coder = agh.as_session()
    claim = coder.claim()
    assert claim is not None
    lines = good(agh.get(f"/api/tasks/{task['id']}/timeline"))["timeline"]
    assert [line["event_type"] for line in lines] == ["task.created", "task.run_enqueued", "task.run_claimed"]
    assert [line["sequence"] for line in lines] == sorted({line["sequence"] for line in lines})
    created, queued, claimed = lines
    assert created["payload"] == {"scope": "global", "status": "ready"}
    assert (created["actor"], created["origin"]) == (
        {"kind": "human", "ref": "local-user"},
        {"kind": "http", "ref": "tasks.create"},
    )
    assert (queued["payload"]["attempt"], queued["payload"]["status"]) == (1, "queued")
    said = claimed["payload"]
    assert said["claimed_by"] == {"kind": "agent_session", "ref": coder.headers["x-agh-session-id"]}
    assert said["claim_token_hash"] == claim["lease"]["claim_token_hash"]
    assert said["lease_until"] == claim["lease"]["lease_until"]
    # Task and run as they stand now.
    assert {line["run"]["status"] for line in (queued, claimed)} == {"claimed"}
    assert {line["run"]["id"] for line in (queued, claimed)} == {run["id"]}
    later = good(agh.get(f"/api/tasks/{task['id']}/timeline", after_sequence=created["sequence"], limit=1))["timeline"]
    assert [line["event_id"] for line in later] == [queued["event_id"]]


def test_a_stream_covers_the_task_and_all_below_it_and_resumes(agh: Agh) -> None:
    root = agh.task("root")
    other = agh.task("other")
    child = agh.task("child", parent=root)
    grandchild = agh.task("grandchild", parent=child)
    with followed(agh, f"/api/tasks/{child['id']}/stream") as stream:
        first = [next(stream), next(stream), next(stream)]
        agh.start(other)
        agh.start(grandchild)
        fourth = next(stream)
    told = [(one["event"], one["data"]["timeline"]["task"]["id"]) for one in (*first, fourth)]
    assert told == [
        ("task.created", child["id"]),
        ("task.created", grandchild["id"]),
        ("task.child_created", child["id"]),
        ("task.run_enqueued", grandchild["id"]),
    ]
    assert fourth["data"]["type"] == fourth["event"] == "task.run_enqueued"
    assert int(fourth["id"]) == fourth["data"]["sequence"] == fourth["data"]["timeline"]["sequence"]
    with followed(agh, f"/api/tasks/{root['id']}/stream", **{"last-event-id": first[-1]["id"]}) as stream:
        assert next(stream)["id"] == fourth["id"]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_what_cannot_be_followed_is_said_before_the_first_byte(agh: Agh, stranger: Agh) -> None:
    task = agh.task()
    for path in (f"/api/tasks/{task['id']}/stream", f"/api/tasks/{task['id']}/timeline"):
        refused(stranger.get(path), 404)
        refused(agh.get(path, after_sequence="soon"), 400, "after_sequence")
        refused(agh.get(path, after_sequence=-1), 400, "after_sequence")
        refused(agh.get(path.replace("task-", "task-0")), 404)
    refused(agh.send("GET", f"/api/tasks/{task['id']}/stream", headers={"last-event-id": "x"}), 400, "Last-Event-ID")
    refused(agh.get(f"/api/tasks/{task['id']}/timeline", limit=-1), 400, "limit")
