"""What a run leaves behind, and who may add to it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.api import Api, good, proof, refused
from tests.support.stand import Stand
from tests.support.verbs import Json

WRITES: dict[str, tuple[str, str, Json]] = {
    "logs": ("POST", "/logs", {"entries": [{"message": "m"}]}),
    "chunks": ("POST", "/chunks", {"chunks": [{"chunk": "c"}]}),
    "checkpoints": ("POST", "/checkpoints", {"state": {"at": 1}}),
    "usage": ("POST", "/usage", {"model": "m", "input_tokens": 1}),
    "tool-calls": ("POST", "/tool-calls", {"name": "grep"}),
    "outputs": ("PUT", "/outputs/report", {"value": 1}),
    "state": ("PUT", "/state/place", {"value": 1}),
}
every_write = pytest.mark.parametrize("name", sorted(WRITES))


@every_write
def test_a_key_that_may_only_claim_proves_its_lease(api: Api, stand: Stand, name: str) -> None:
    method, below, body = WRITES[name]
    claim = api.claimed()
    path, token = f"/runs/{claim['run']['id']}{below}", claim["lease"]["token"]
    claimer = stand.key("runs:claim")
    assert "X-Runyard-Lease" in refused(claimer.send(method, path, body), 403, "forbidden")["detail"]
    refused(claimer.send(method, path, {**body, "token": "rl_of_nobody"}), 409, "lease_lost")
    assert claimer.send(method, path, {**body, "token": token}).status_code in {200, 201}
    assert claimer.send(method, path, body, headers={"x-runyard-lease": token}).status_code in {200, 201}
    assert api.send(method, path, body).status_code in {200, 201}
    api.report("release", proof(claim))
    refused(claimer.send(method, path, {**body, "token": token}), 409, "lease_lost")
    assert api.send(method, path, body).status_code in {200, 201}


@every_write
def test_the_record_of_an_ended_run_is_closed(api: Api, name: str) -> None:
    method, below, body = WRITES[name]
    run = api.done()
    assert "completed" in refused(api.send(method, f"/runs/{run['id']}{below}", body), 409, "conflict")["detail"]


def test_checkpoints_are_numbered_and_listed_newest_first(api: Api) -> None:
    path = f"/runs/{api.run()['id']}/checkpoints"
    made = [good(api.post(path, {"state": n, "label": f"l{n}"}), 201) for n in range(3)]
    assert [one["number"] for one in made] == [1, 2, 3]
    assert api.listed(path, limit=2) == made[::-1]
    assert good(api.get(f"{path}/2")) == made[1]
    refused(api.get(f"{path}/4"), 404, "not_found")
    refused(api.get(f"{path}/-1"), 404, "not_found")
    refused(api.get(f"{path}/{'9' * 30}"), 404, "not_found")


def test_usage_is_priced_and_summed_up(api: Api) -> None:
    run = api.run()["id"]
    path = f"/runs/{run}/usage"
    reported = good(api.post(path, {"model": "own", "input_tokens": 5, "cost_micro_usd": 70}), 201)
    priced = good(api.post(path, {"model": "gpt-4o", "provider": "openai", "input_tokens": 1000}), 201)
    unknown = good(api.post(path, {"model": "no-such-model", "output_tokens": 3}), 201)
    assert [one["source"] for one in (reported, priced, unknown)] == ["reported", "priced", "unknown"]
    assert priced["cost_micro_usd"] > 0
    assert priced["price"] is not None
    assert api.listed(path, limit=2) == [reported, priced, unknown]
    assert api.see(run)["usage"] == {
        "input_tokens": 1005,
        "output_tokens": 3,
        "cost_micro_usd": 70 + priced["cost_micro_usd"],
    }
    for wrong in ({"model": ""}, {"model": "m", "input_tokens": -1}, {"model": "m", "output_tokens": 2**60}):
        refused(api.post(path, wrong), 400, "invalid")


def test_a_sum_stops_at_the_largest_number_that_json_readers_share(api: Api) -> None:
    run = api.run()["id"]
    for _ in range(3):
        good(api.post(f"/runs/{run}/usage", {"model": "m", "input_tokens": 2**53, "cost_micro_usd": 2**53}), 201)
    assert api.see(run)["usage"]["cost_micro_usd"] == 2**53 - 1


def test_tool_calls_are_kept_with_what_went_in_and_out(api: Api) -> None:
    path = f"/runs/{api.run()['id']}/tool-calls"
    first = good(api.post(path, {"name": "grep", "input": {"q": 1}, "output": [1], "duration_ms": 3}), 201)
    second = good(api.post(path, {"name": "rm", "status": "denied", "error": "no"}), 201)
    assert (first["input"], first["output"], first["status"]) == ({"q": 1}, [1], "ok")
    assert (second["input"], second["error"], second["status"]) == (None, "no", "denied")
    assert api.listed(path, limit=1) == [first, second]
    refused(api.post(path, {"name": "x", "status": "maybe"}), 400, "invalid")


def test_an_output_is_set_again_and_checked(api: Api) -> None:
    path = f"/runs/{api.run()['id']}/outputs"
    schema = {"type": "object", "required": ["ok"]}
    good(api.put(f"{path}/report", {"value": {"ok": True}, "schema": schema}))
    problem = refused(api.put(f"{path}/report", {"value": {}, "schema": schema}), 400, "schema_mismatch")
    assert '"ok"' in problem["detail"]
    refused(api.put(f"{path}/report", {"value": 1, "schema": {"type": "no-such-type"}}), 400, "invalid")
    refused(api.put(f"{path}/report", {"value": 1, "schema": {"$ref": "https://example.com/x"}}), 400, "invalid")
    assert good(api.get(f"{path}/report"))["value"] == {"ok": True}
    good(api.put(f"{path}/report", {"value": None}))
    assert good(api.get(f"{path}/report"))["value"] is None
    good(api.put(f"{path}/a b:é", {"value": 1}))
    assert [one["key"] for one in api.listed(path, limit=1)] == ["a b:é", "report"]


def test_values_are_kept_set_again_and_forgotten(api: Api) -> None:
    path = f"/runs/{api.run()['id']}/state"
    for value in ({"at": 1}, None, "text"):
        assert good(api.put(f"{path}/place", {"value": value}))["value"] == value
        assert good(api.get(f"{path}/place"))["value"] == value
    good(api.put(f"{path}/other", {"value": 1}))
    assert [one["key"] for one in api.listed(path, limit=1)] == ["other", "place"]
    assert good(api.delete(f"{path}/place"), 204) is None
    refused(api.get(f"{path}/place"), 404, "not_found")
    refused(api.delete(f"{path}/place"), 404, "not_found")


@pytest.mark.parametrize(
    "entries", [[], [{}], [{"message": 1}], [{"message": "m"}] * 1001, "m", [{"message": "m", "level": ""}]]
)
def test_log_lines_that_make_no_sense_are_refused(api: Api, entries: Any) -> None:
    refused(api.post(f"/runs/{api.run()['id']}/logs", {"entries": entries}), 400, "invalid")


def test_attempts_are_kept_when_a_run_is_tried_again(api: Api) -> None:
    run = api.run(retry={"backoff": "fixed", "initial_seconds": 0, "jitter": 0, "max_attempts": 5})
    for _ in range(2):
        (claim,) = api.claim()
        api.report("release", proof(claim))
    (claim,) = api.claim(worker="w")
    api.complete(claim)
    attempts = api.listed(f"/runs/{run['id']}/attempts", limit=2)
    assert [(one["epoch"], one["outcome"]) for one in attempts] == [(1, "released"), (2, "released"), (3, "completed")]
    assert [one["attempt"] for one in attempts] == [1, 1, 1]


def test_pieces_of_output_are_listed_as_they_came(api: Api) -> None:
    path = f"/runs/{api.run()['id']}/chunks"
    pieces = [{"chunk": "a"}, {"chunk": "b", "stream": "thoughts"}, {"chunk": "", "done": True}]
    assert good(api.post(path, {"chunks": pieces}), 201) == {"accepted": 3}
    listed = api.listed(path, limit=2)
    assert [(one["chunk"], one["stream"], one["done"]) for one in listed] == [
        ("a", "default", False),
        ("b", "thoughts", False),
        ("", "default", True),
    ]
    assert api.listed(path, after=listed[0]["seq"]) == listed[1:]
    wrong: Any
    for wrong in ([], [{"chunk": "x", "stream": ""}], [{}], [{"chunk": "x"}] * 1001):
        refused(api.post(path, {"chunks": wrong}), 400, "invalid")


def test_lines_have_a_type_that_a_list_is_narrowed_by(api: Api) -> None:
    path = f"/runs/{api.run()['id']}/logs"
    good(api.post(path, {"entries": [{"message": "plain"}, {"message": "half", "type": "progress"}]}), 201)
    assert [(one["message"], one["type"]) for one in api.listed(path)] == [("plain", "log"), ("half", "progress")]
    assert [one["message"] for one in api.listed(path, type="progress")] == ["half"]


def test_a_total_of_tokens_may_be_told(api: Api) -> None:
    path = f"/runs/{api.run()['id']}/usage"
    said = {"model": "m", "input_tokens": 2, "output_tokens": 3}
    assert good(api.post(path, said), 201)["total_tokens"] == 5
    assert good(api.post(path, {**said, "total_tokens": 9}), 201)["total_tokens"] == 9
