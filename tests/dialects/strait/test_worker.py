"""Worker-side calls: what a run token lets the executor of one run say (contract §16, §17, §19)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from runyard.domain.states import RunState
from tests.dialects.strait.client import Strait, good, refused
from tests.dialects.strait.hands import Hands
from tests.support.verbs import NOTHING

CALLS: dict[str, tuple[Any, int]] = {
    "log": ({"message": "m"}, 201),
    "progress": ({"percent": 5}, 201),
    "annotate": ({"annotations": {"a": "b"}}, 200),
    "usage": ({"provider": "openai", "model": "gpt-4o"}, 201),
    "tool-call": ({"tool_name": "grep"}, 201),
    "output": ({"output_key": "k", "value": 1}, 201),
    "state": ({"key": "k", "value": 1}, 201),
    "stream": ({"chunk": "c"}, 200),
}
"""Calls that are good until the run ends."""
BEGUN: dict[str, tuple[Any, int]] = {
    "heartbeat": (NOTHING, 200),
    "checkpoint": ({"state": {}}, 201),
    "complete": (NOTHING, 200),
    "fail": ({"error": "no"}, 200),
}
"""Calls that are good only once somebody works on the run."""
EVERY = CALLS | BEGUN
every_call = pytest.mark.parametrize("name", sorted(EVERY))


@pytest.fixture
def hands(strait: Strait) -> Hands:
    return Hands(strait)


# Whose run it is


@every_call
def test_a_call_without_a_good_token_is_unauthorized(hands: Hands, name: str) -> None:
    worker = hands.worker()
    body, _ = EVERY[name]
    path = f"/sdk/v1/runs/{worker.run_id}/{name}"
    for key in (None, "nonsense", hands.strait.key, worker.key[:-2]):  # type: ignore[index]
        refused(worker.as_key(key).post(path, body), 401)


@every_call
def test_a_token_is_good_for_its_own_run_only(hands: Hands, name: str) -> None:
    one, other = hands.worker(), hands.worker()
    refused(one.post(f"/sdk/v1/runs/{other.run_id}/{name}", EVERY[name][0]), 403)


@every_call
def test_a_token_expires(hands: Hands, name: str) -> None:
    worker = hands.worker()
    hands.strait.stand.clock.forward(hours=3)
    refused(worker.call(name, EVERY[name][0]), 401, "expired")


@every_call
def test_a_token_of_an_earlier_attempt_is_unauthorized(hands: Hands, name: str) -> None:
    granted, first = hands.running(policy={"initial_delay": 0, "jitter": 0.0})
    hands.yard.fail(granted)
    hands.yard.tick()
    hands.yard.start(hands.yard.claim_one())
    refused(first.call(name, EVERY[name][0]), 401, "attempt 1")
    body, status = EVERY[name]
    good(hands.token(granted, 2).call(name, body), status)


@every_call
@pytest.mark.parametrize("state", [RunState.CANCELED, RunState.TIMED_OUT, RunState.CRASHED, RunState.EXPIRED])
def test_the_record_of_an_ended_run_is_closed(hands: Hands, name: str, state: RunState) -> None:
    refused(hands.in_state(state).call(name, EVERY[name][0]), 410, "closed")


@pytest.mark.parametrize("name", ["payload", "state", "state/k"])
def test_an_ended_run_tells_its_worker_nothing(hands: Hands, name: str) -> None:
    refused(hands.in_state(RunState.CANCELED).call(name, method="GET"), 410)


@pytest.mark.parametrize("name", sorted(BEGUN))
@pytest.mark.parametrize("state", [RunState.SCHEDULED, RunState.QUEUED, RunState.PAUSED, RunState.DEAD_LETTER])
def test_a_run_nobody_works_on_takes_no_report(hands: Hands, name: str, state: RunState) -> None:
    worker = hands.in_state(state)
    refused(worker.call(name, BEGUN[name][0]), 409, "nobody works on it")
    assert hands.yard.state(worker.run_id) is state


@pytest.mark.parametrize("name", sorted(CALLS))
@pytest.mark.parametrize("state", [RunState.SCHEDULED, RunState.QUEUED, RunState.WAITING, RunState.PAUSED])
def test_the_record_is_open_until_the_run_ends(hands: Hands, name: str, state: RunState) -> None:
    body, status = CALLS[name]
    good(hands.in_state(state).call(name, body), status)


@pytest.mark.parametrize("name", sorted(BEGUN))
@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.WAITING])
def test_a_run_that_is_worked_on_takes_every_report(hands: Hands, name: str, state: RunState) -> None:
    body, status = BEGUN[name]
    good(hands.in_state(state).call(name, body), status)


def test_the_worker_is_told_which_sdk_is_accepted(hands: Hands) -> None:
    worker = hands.worker()
    reply = worker.call("heartbeat")
    assert (reply.headers["x-sdk-version-accepted"], reply.headers["x-sdk-capabilities"]) == ("legacy", "none")
    reply = worker.call("heartbeat", headers={"x-sdk-version": "2.1.0"})
    assert reply.headers["x-sdk-version-accepted"] == "2.1.0"
    assert reply.headers["x-sdk-capabilities"] == "progress,checkpoint,usage"


# What is said


def test_the_payload_is_read_as_it_was_sent(hands: Hands) -> None:
    assert hands.worker(payload='{"a":  [1, 2.50]}').call("payload", method="GET").text == '{"a":  [1, 2.50]}'
    assert hands.worker().call("payload", method="GET").text == "null"


def test_a_logged_line_is_an_event(hands: Hands) -> None:
    worker = hands.worker()
    plain = good(worker.call("log", {"message": "hello"}), 201)
    assert (plain["type"], plain["level"], plain["message"], plain["data"]) == ("log", "info", "hello", {})
    own = good(worker.call("log", {"message": "m", "type": "mine", "level": "critical", "data": [1, {"a": None}]}), 201)
    assert (own["type"], own["level"], own["data"]) == ("mine", "critical", [1, {"a": None}])
    assert good(hands.strait.get(f"/v1/runs/{worker.run_id}/events")) == [plain, own]
    assert UUID(plain["id"]).version == 7
    for body in ({}, {"message": ""}, {"message": "m", "level": "x" * 33}, {"message": 5}):
        refused(worker.call("log", body), 400)
    refused(worker.call("log"), 400)


def test_what_a_program_prints_may_hold_nul(hands: Hands) -> None:
    worker = hands.worker()
    assert good(worker.call("log", {"message": "a\0b"}), 201)["message"] == "a\ufffdb"
    good(worker.call("stream", {"chunk": "a\0b"}))
    refused(worker.call("log", {"message": "m", "type": "a\0b"}), 400)


def test_progress_needs_no_message(hands: Hands) -> None:
    worker = hands.worker()
    bare = good(worker.call("progress", {"percent": 50}), 201)
    assert (bare["type"], bare["level"], bare["message"], bare["data"]) == ("progress", "info", "", {"percent": 50})
    full = good(worker.call("progress", {"percent": 0.5, "message": "go", "step": "2/3", "eta_seconds": 9}), 201)
    assert (full["message"], full["data"]) == ("go", {"percent": 0.5, "step": "2/3", "eta_seconds": 9})
    for percent in (-1, 101, "50", None):
        refused(worker.call("progress", {"percent": percent}), 400)


def test_annotations_are_merged_into_metadata(hands: Hands) -> None:
    worker = hands.worker(metadata={"old": "1", "kept": "x"})
    run = good(worker.call("annotate", {"annotations": {"old": "2", "new": "3"}}))
    assert run["metadata"] == {"old": "2", "kept": "x", "new": "3"}
    assert hands.strait.see(run) == run
    for wrong in ({}, {"": "x"}, {"k" * 129: "x"}, {"k": "v" * 1025}, {f"{n}": "" for n in range(51)}, {"k": 1}):
        refused(worker.call("annotate", {"annotations": wrong}), 400)
    good(worker.call("annotate", {"annotations": {"k" * 128: "v" * 1024, **{f"{n}": "" for n in range(49)}}}))


def test_annotations_do_not_touch_what_is_the_servers_own(hands: Hands) -> None:
    _, worker = hands.running()
    refused(worker.call("annotate", {"annotations": {"_preset_override": "large-2x"}}), 400)


def test_a_heartbeat_is_noted(hands: Hands) -> None:
    granted, worker = hands.running()
    now = hands.strait.stand.clock.forward(seconds=7)
    body: Any
    for body in (NOTHING, {}):
        assert good(worker.call("heartbeat", body)) == {"status": "ok"}
    assert hands.yard.run(granted.run).heartbeat_at == now


def test_checkpoints_are_numbered_from_one(hands: Hands) -> None:
    worker = hands.worker()
    one = good(worker.call("checkpoint", {"state": {"at": 1}}), 201)
    two = good(worker.call("checkpoint", {"state": None, "source": "me"}), 201)
    assert (one["sequence"], one["source"], one["state"]) == (1, "sdk", {"at": 1})
    assert (two["sequence"], two["source"], two["state"]) == (2, "me", None)
    assert one["id"] != two["id"]
    assert good(hands.strait.get(f"/v1/runs/{worker.run_id}/checkpoints")) == [two, one]
    refused(worker.call("checkpoint", {}), 400)


def test_usage_adds_up_and_is_priced(hands: Hands) -> None:
    worker = hands.worker()
    said = {"provider": "openai", "model": "gpt-4o", "prompt_tokens": 1000, "completion_tokens": 10}
    priced = good(worker.call("usage", said), 201)
    assert priced["total_tokens"] == 1010
    assert priced["cost_microusd"] > 0
    told = good(worker.call("usage", {**said, "total_tokens": 2000, "cost_microusd": 5}), 201)
    assert (told["total_tokens"], told["cost_microusd"]) == (2000, 5)
    unknown = good(worker.call("usage", {"provider": "own", "model": "own", "prompt_tokens": 3}), 201)
    assert (unknown["cost_microusd"], unknown["completion_tokens"]) == (0, 0)
    assert good(hands.strait.get(f"/v1/runs/{worker.run_id}/usage")) == [unknown, told, priced]
    for wrong in ({"model": "m"}, {"provider": "p"}, {**said, "prompt_tokens": -1}, {**said, "cost_microusd": 2**60}):
        refused(worker.call("usage", wrong), 400)


def test_a_tool_call_is_kept(hands: Hands) -> None:
    worker = hands.worker()
    bare = good(worker.call("tool-call", {"tool_name": "grep"}), 201)
    assert bare["status"] == ""
    assert not {"input", "output", "duration_ms"} & bare.keys()
    said = {"tool_name": "rm", "input": {"a": 1}, "output": [2], "duration_ms": 12, "status": "ok"}
    full = good(worker.call("tool-call", said), 201)
    assert {name: full[name] for name in said} == said
    assert "duration_ms" not in good(worker.call("tool-call", {**said, "duration_ms": 0}), 201)
    refused(worker.call("tool-call", {"tool_name": ""}), 400)


def test_an_output_takes_either_name_and_is_replaced(hands: Hands) -> None:
    worker = hands.worker()
    one = good(worker.call("output", {"output_key": "report", "value": {"a": 1}}), 201)
    assert "schema" not in one
    hands.strait.stand.clock.forward(seconds=1)
    schema = {"type": "integer"}
    two = good(worker.call("output", {"key": "report", "value": 2, "schema": schema}), 201)
    assert (two["output_key"], two["value"], two["schema"], two["id"]) == ("report", 2, schema, one["id"])
    assert two["created_at"] > one["created_at"]
    assert good(hands.strait.get(f"/v1/runs/{worker.run_id}/outputs")) == [two]
    good(worker.call("output", {"key": "none", "value": None, "schema": None}), 201)


def test_an_output_is_checked_against_its_schema(hands: Hands) -> None:
    worker = hands.worker()
    body = {"output_key": "n", "value": "five", "schema": {"type": "integer"}}
    assert "integer" in refused(worker.call("output", body), 400)["message"]
    for wrong in ({"value": 1}, {"output_key": "", "value": 1}, {"output_key": "n"}, {**body, "schema": 5}):
        refused(worker.call("output", wrong), 400)
    assert good(hands.strait.get(f"/v1/runs/{worker.run_id}/outputs")) == []


# How a run ends


def test_completing_without_a_body_is_enough(hands: Hands) -> None:
    for body in (NOTHING, {}, {"result": None}):
        run = good(hands.worker().call("complete", body))
        assert run["status"] == "completed"
        assert "result" not in run


def test_a_run_is_completed_with_its_result(hands: Hands) -> None:
    worker = hands.worker()
    run = good(worker.call("complete", {"result": {"a": [1]}}))
    assert (run["status"], run["result"]) == ("completed", {"a": [1]})
    assert run["finished_at"]
    assert hands.strait.see(run) == run


def test_repeating_the_finishing_call_gives_the_stored_run(hands: Hands) -> None:
    worker = hands.worker()
    run = good(worker.call("complete", {"result": 1}))
    assert good(worker.call("complete", {"result": 2})) == run
    refused(worker.call("fail", {"error": "no"}), 410)
    worker = hands.worker()
    run = good(worker.call("fail", {"error": "no"}))
    assert good(worker.call("fail", {"error": "again"})) == run
    refused(worker.call("complete"), 410)


def test_failing_is_neither_retried_nor_dead_lettered(hands: Hands) -> None:
    worker = hands.worker(policy={"max_attempts": 5})
    run = good(worker.call("fail", {"error": "it broke"}))
    assert (run["status"], run["error"], run["attempt"]) == ("failed", "it broke", 1)
    for wrong in ({}, {"error": ""}, {"error": 1}):
        refused(hands.worker().call("fail", wrong), 400)


def test_a_result_that_does_not_match_its_schema_is_unprocessable(hands: Hands) -> None:
    worker = hands.worker(policy={"output_schema": '{"type":"object","required":["score"]}'})
    refusal = refused(worker.call("complete", {"result": {}}), 422)
    assert any("score" in line for line in refusal["details"])
    assert refusal["error"]["details"] == refusal["details"]
    assert hands.yard.state(worker.run_id) is RunState.RUNNING
    assert good(worker.call("complete", {"result": {"score": 1}}))["status"] == "completed"


def test_a_result_above_its_limit_is_too_large(hands: Hands) -> None:
    refused(hands.worker().call("complete", {"result": "x" * (1 << 20)}), 413)


# Guardrails (§17)


def test_a_token_budget_is_told_with_its_numbers(hands: Hands) -> None:
    worker = hands.worker(policy={"max_tokens": 10})
    said = {"provider": "p", "model": "m", "prompt_tokens": 6}
    good(worker.call("usage", said), 201)
    refusal = refused(worker.call("usage", said), 429)
    assert (refusal["error"], refusal["current"], refusal["limit"]) == ("token_budget_exceeded", 6, 10)
    assert len(good(hands.strait.get(f"/v1/runs/{worker.run_id}/usage"))) == 1


def test_a_cost_budget_is_refused_before_storing(hands: Hands) -> None:
    worker = hands.worker(policy={"max_cost": 100})
    refused(worker.call("usage", {"provider": "p", "model": "m", "cost_microusd": 100}), 429, "cost")
    good(worker.call("usage", {"provider": "p", "model": "m", "cost_microusd": 99}), 201)
    good(worker.call("usage", {"provider": "p", "model": "m", "cost_microusd": 0}), 201)
    assert hands.yard.run(worker.run_id).cost_micro_usd == 99


def test_tool_lists_and_limits_are_told_with_the_tool(hands: Hands) -> None:
    worker = hands.worker(policy={"allowed_tools": ("grep", "rm"), "blocked_tools": ("rm",), "max_tool_calls": 1})
    refusal = refused(worker.call("tool-call", {"tool_name": "curl"}), 403)
    assert (refusal["error"], refusal["tool"]) == ("tool_not_allowed", "curl")
    refusal = refused(worker.call("tool-call", {"tool_name": "rm"}), 403)
    assert (refusal["error"], refusal["tool"]) == ("tool_blocked", "rm")
    good(worker.call("tool-call", {"tool_name": "grep"}), 201)
    refusal = refused(worker.call("tool-call", {"tool_name": "grep"}), 429)
    assert (refusal["error"], refusal["current"], refusal["limit"]) == ("tool_call_limit_exceeded", 1, 1)


# State (§19)


def test_state_is_a_bare_array_by_key(hands: Hands) -> None:
    worker = hands.worker()
    put = {key: good(worker.call("state", {"key": key, "value": {"of": key}}), 201) for key in "bca"}
    listed = [put[key] for key in "abc"]
    assert good(worker.call("state", method="GET")) == listed
    assert good(hands.strait.get(f"/v1/runs/{worker.run_id}/state")) == listed
    assert good(hands.strait.saying(x_list_envelope="1").get(f"/v1/runs/{worker.run_id}/state")) == listed
    assert good(worker.call("state/b", method="GET")) == put["b"]


def test_a_missing_key_is_not_found_and_deleting_it_is_fine(hands: Hands) -> None:
    worker = hands.worker()
    refused(worker.call("state/nothing", method="GET"), 404)
    good(worker.call("state", {"key": "k", "value": 1}), 201)
    for _ in range(2):
        assert worker.call("state/k", method="DELETE").status_code == 204
    refused(worker.call("state/k", method="GET"), 404)


@pytest.mark.parametrize(
    "key", ["a/b", "a//b/", "/a", "ключ", "a b", "a+b", "a:b;c,d", "100%", "..a", "k" * 256, "state", "a/state/b"]
)
def test_a_key_may_hold_unusual_characters(hands: Hands, key: str) -> None:
    worker = hands.worker()
    entry = good(worker.call("state", {"key": key, "value": "v"}), 201)
    # Not through the client: its judge takes no slash in a key.
    path = f"/strait/sdk/v1/runs/{worker.run_id}/state/{key.replace('%', '%25')}"
    http, headers = hands.strait.stand.http, {"authorization": f"Bearer {worker.key}"}
    assert good(http.get(path, headers=headers)) == entry
    assert http.delete(path, headers=headers).status_code == 204
    assert good(worker.call("state", method="GET")) == []


def test_state_is_bounded(hands: Hands) -> None:
    worker = hands.worker()
    good(worker.call("state", {"key": "k", "value": "v" * 65534}), 201)
    for wrong in ({"key": "", "value": 1}, {"key": "k" * 257, "value": 1}, {"key": "k"}, {"value": 1}):
        refused(worker.call("state", wrong), 400)
    refused(worker.call("state", {"key": "k", "value": "v" * 65535}), 400)


def test_an_unknown_key_in_a_body_is_ignored(hands: Hands) -> None:
    worker = hands.worker()
    for name, (body, status) in CALLS.items():
        good(worker.call(name, {**body, "surprise": {"deep": 1}}), status)


# Both ways


def test_what_a_worker_says_is_seen_in_the_native_api(hands: Hands) -> None:
    worker = hands.worker()
    for name, (body, status) in {**CALLS, "checkpoint": ({"state": 1}, 201)}.items():
        good(worker.call(name, body), status)
    native = hands.strait.stand.key()
    at = f"/runs/{worker.run_id}"
    assert [line["message"] for line in native.listed(f"{at}/logs")] == ["m", ""]
    assert len(native.listed(f"{at}/checkpoints")) == len(native.listed(f"{at}/usage")) == 1
    assert [one["key"] for one in native.listed(f"{at}/outputs")] == ["k"]
    assert [one["key"] for one in native.listed(f"{at}/state")] == ["k"]
    assert native.see(worker.run_id)["metadata"] == {"a": "b"}
    good(worker.call("complete"))
    assert native.see(worker.run_id)["state"] == "completed"
