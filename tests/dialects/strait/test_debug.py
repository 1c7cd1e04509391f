"""Debug mode and the debug bundle (contract §19)."""

from __future__ import annotations

import pytest

from runyard.domain.states import RunState
from runyard.engine import checkpoints, debug, logs, outputs, resources, sizes, tool_calls, usage
from runyard.engine.checkpoints import NewCheckpoint
from runyard.engine.fences import Writer
from runyard.engine.logs import AppendRequest, NewEntry
from runyard.engine.outputs import NewOutput
from runyard.engine.resources import NewSample
from runyard.engine.tool_calls import NewToolCall
from runyard.engine.usage import NewUsage
from tests.dialects.strait.client import Strait, good, refused
from tests.support.yard import Yard

NOBODY = "0190b0b0-0000-7000-8000-000000000000"
PATHS = ("debug-bundle", "debug")


@pytest.mark.parametrize("state", sorted(RunState))
def test_debug_mode_is_set_in_any_state_and_changes_nothing_else(strait: Strait, yard: Yard, state: RunState) -> None:
    run = yard.in_state(state)
    path = f"/v1/runs/{run.id}/debug"
    assert good(strait.post(path, {"debug_mode": True})) == {"status": "ok"}
    after = strait.see(run.id)
    assert (after["debug_mode"], yard.run(run).state) == (True, state)
    good(strait.post(path, {"debug_mode": True}))
    assert good(strait.post(path)) == {"status": "ok"}
    assert strait.see(run.id)["debug_mode"] is False
    assert yard.story(run)[-2:] == ["debug_set", "debug_set"]


def test_a_wrong_debug_mode_is_refused(strait: Strait, yard: Yard) -> None:
    run = yard.create()
    wrong: list[object] = [{"debug_mode": "yes"}, {"debug_mode": None}, []]
    for body in wrong:
        refused(strait.post(f"/v1/runs/{run.id}/debug", body, loose=True), 400)


def _told(yard: Yard) -> str:
    """A run of which something is in every list."""
    granted = yard.running()
    writer = Writer(project_id=1, run_id=granted.run.id, token=granted.lease.token)
    store = yard.store
    entries = tuple(NewEntry(message=f"line {n}", data='{"n": 1}') for n in range(3))
    store.transact(logs.append, [AppendRequest(writer=writer, entries=entries)])
    for n in range(2):
        store.transact(checkpoints.add, writer, NewCheckpoint(state=str(n)))
        store.transact(usage.add, writer, NewUsage(provider="p", model=f"m{n}", input_tokens=1, output_tokens=2))
        store.transact(tool_calls.add, writer, NewToolCall(name=f"tool {n}"))
        store.transact(outputs.put, writer, NewOutput(name=f"out {n}", value=str(n)))
    sample = NewSample(run_id=granted.run.id, cpu_percent=50.0, memory_mb=10.0, memory_limit_mb=256.0)
    store.transact(resources.add, [sample])
    return granted.run.id


@pytest.mark.parametrize("path", PATHS)
def test_the_bundle_holds_everything_newest_first(strait: Strait, yard: Yard, path: str) -> None:
    run_id = _told(yard)
    body = good(strait.get(f"/v1/runs/{run_id}/{path}"))
    assert body["run"] == strait.see(run_id)
    assert [one["message"] for one in body["events"]] == ["line 2", "line 1", "line 0"]
    assert [one["sequence"] for one in body["checkpoints"]] == [2, 1]
    assert [one["model"] for one in body["usage"]] == ["m1", "m0"]
    assert [one["tool_name"] for one in body["tool_calls"]] == ["tool 1", "tool 0"]
    assert [one["output_key"] for one in body["outputs"]] == ["out 0", "out 1"]
    assert [one["memory_limit_mb"] for one in body["resource_snapshots"]] == [256.0]


@pytest.mark.parametrize("path", PATHS)
def test_the_bundle_of_a_run_that_said_nothing_is_empty(
    strait: Strait, stranger: Strait, yard: Yard, path: str
) -> None:
    run = yard.create()
    body = good(strait.get(f"/v1/runs/{run.id}/{path}"))
    assert {name for name, value in body.items() if value == []} == body.keys() - {"run"}
    refused(stranger.get(f"/v1/runs/{run.id}/{path}"), 404)
    refused(strait.get(f"/v1/runs/{NOBODY}/{path}"), 404)
    refused(strait.with_scopes("jobs:read").get(f"/v1/runs/{run.id}/{path}"), 403)


def test_the_bundle_is_bounded(strait: Strait, yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = _told(yard)
    monkeypatch.setattr(debug, "EVENTS", 2)
    monkeypatch.setattr(debug, "RECORDS", 1)
    body = good(strait.get(f"/v1/runs/{run_id}/debug-bundle"))
    assert [one["message"] for one in body["events"]] == ["line 2", "line 1"]
    assert [len(body[name]) for name in ("checkpoints", "usage", "tool_calls")] == [1, 1, 1]
    monkeypatch.setattr(sizes, "PAGE", 10)
    assert len(good(strait.get(f"/v1/runs/{run_id}/debug-bundle"))["events"]) == 1
