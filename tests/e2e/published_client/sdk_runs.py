"""How each method of `client.sdk_runs` is tried."""

from __future__ import annotations

import pytest
import strait

from tests.e2e.published_client.desk import Desk
from tests.e2e.published_client.tries import Try, noted

TRIES: dict[str, Try] = {}
tries = noted(TRIES)


@tries
def sdk_runs__annotate_run(desk: Desk) -> None:
    worker = desk.executing()
    run = worker.calls.annotate_run(worker.run_id, {"annotations": {"who": "me"}})
    assert run["metadata"]["who"] == "me"


@tries
def sdk_runs__checkpoint_run(desk: Desk) -> None:
    worker = desk.executing()
    body = {"state": {"step": 1}, "source": "sdk"}
    assert [worker.calls.checkpoint_run(worker.run_id, body)["sequence"] for _ in range(2)] == [1, 2]


@tries
def sdk_runs__complete_run(desk: Desk) -> None:
    for body in ({"result": {"ok": True}}, None):
        worker = desk.executing()
        assert worker.calls.complete_run(worker.run_id, body)["status"] == "completed"
        assert worker.calls.complete_run(worker.run_id, body)["status"] == "completed", "a retry does no harm"
        assert desk.client.runs.get(worker.run_id).get("result") == (body or {}).get("result")


@tries
def sdk_runs__continue_run(desk: Desk) -> None:
    for body in ({"payload": {"n": 2}}, None):
        worker = desk.executing()
        after = worker.calls.continue_run(worker.run_id, body)
        assert (after["continuation_of"], after["lineage_depth"]) == (worker.run_id, 1)
        assert after["payload"] == (body or {}).get("payload", {"n": 1})


@tries
def sdk_runs__fail_run(desk: Desk) -> None:
    worker = desk.executing()
    for _ in range(2):
        run = worker.calls.fail_run(worker.run_id, {"error": "it broke"})
        assert (run["status"], run["error"]) == ("failed", "it broke")


@tries
def sdk_runs__heartbeat_run(desk: Desk) -> None:
    worker = desk.executing()
    assert worker.calls.heartbeat_run(worker.run_id) == {"status": "ok"}
    assert "heartbeat_at" in desk.client.runs.get(worker.run_id)


@tries
def sdk_runs__log_run(desk: Desk) -> None:
    worker = desk.executing()
    event = worker.calls.log_run(worker.run_id, {"level": "critical", "message": "hello"})
    assert (event["type"], event["level"], event["data"]) == ("log", "critical", {})


@tries
def sdk_runs__output_run(desk: Desk) -> None:
    worker = desk.executing()
    for body in ({"key": "report", "value": {"ok": True}}, {"output_key": "report", "value": [1], "schema": {}}):
        assert worker.calls.output_run(worker.run_id, body)["output_key"] == "report"


@tries
def sdk_runs__progress_run(desk: Desk) -> None:
    worker = desk.executing()
    event = worker.calls.progress_run(worker.run_id, {"percent": 50})
    assert (event["type"], event["data"]) == ("progress", {"percent": 50})
    assert worker.calls.progress_run(worker.run_id, {"percent": 60.5, "message": "more"})["message"] == "more"


@tries
def sdk_runs__spawn_run(desk: Desk) -> None:
    worker, child = desk.executing(), desk.job("/echo")
    body = {"job_slug": child["slug"], "project_id": desk.project, "payload": {"n": 2}, "priority": 4}
    made = worker.calls.spawn_run(worker.run_id, body)
    assert (made["parent_run_id"], made["triggered_by"]) == (worker.run_id, "spawn")
    assert desk.client.runs.get(made["id"])["priority"] == 4


@tries
def sdk_runs__tool_call_run(desk: Desk) -> None:
    worker = desk.executing()
    body = {"tool_name": "grep", "input": {"q": 1}, "output": {"n": 2}, "duration_ms": 3, "status": "ok"}
    made = worker.calls.tool_call_run(worker.run_id, body)
    assert {name: made[name] for name in body} == body


@tries
def sdk_runs__usage_run(desk: Desk) -> None:
    worker = desk.executing()
    body = {"provider": "openai", "model": "gpt-4o", "prompt_tokens": 2, "completion_tokens": 3}
    assert worker.calls.usage_run(worker.run_id, body)["total_tokens"] == 5


@tries
def sdk_runs__wait_for_event_run(desk: Desk) -> None:
    worker = desk.executing()
    body = {"event_key": "paid", "timeout_secs": 60, "notify_url": "https://example.com/hook"}
    wait = worker.calls.wait_for_event_run(worker.run_id, body)
    assert (wait["status"], wait["event_key"], desk.status(worker.run_id)) == ("waiting", "paid", "waiting")


@tries
def sdk_runs__set_state(desk: Desk) -> None:
    worker = desk.executing()
    assert worker.calls.set_state(worker.run_id, {"key": "place", "value": [1]})["value"] == [1]


@tries
def sdk_runs__list_state(desk: Desk) -> None:
    worker = desk.executing()
    for key in ("b", "a"):
        worker.calls.set_state(worker.run_id, {"key": key, "value": key})
    assert [one["state_key"] for one in worker.calls.list_state(worker.run_id)] == ["a", "b"]


@tries
def sdk_runs__get_state(desk: Desk) -> None:
    worker = desk.executing()
    for key in ("plain", "with space", "ünï:code@x"):
        worker.calls.set_state(worker.run_id, {"key": key, "value": {"at": key}})
        assert worker.calls.get_state(worker.run_id, key)["value"] == {"at": key}
    with pytest.raises(strait.NotFoundError):
        worker.calls.get_state(worker.run_id, "missing")


@tries
def sdk_runs__delete_state(desk: Desk) -> None:
    worker = desk.executing()
    worker.calls.set_state(worker.run_id, {"key": "place", "value": 1})
    assert [worker.calls.delete_state(worker.run_id, "place") for _ in range(2)] == [{}, {}]
    assert worker.calls.list_state(worker.run_id) == []


@tries
def sdk_runs__stream_run(desk: Desk) -> None:
    worker = desk.executing()
    for body in ({"chunk": "a"}, {"chunk": "", "stream_id": "main", "done": True}):
        assert worker.calls.stream_run(worker.run_id, body) == {"status": "ok"}


@tries
def sdk_runs__get_payload(desk: Desk) -> None:
    worker = desk.executing()
    assert worker.calls.get_payload(worker.run_id) == {"n": 1}
