"""What operators force on runs (contract §10)."""

from __future__ import annotations

from typing import Any

import pytest

from runyard.dialects.agh.mapping.values import read
from tests.dialects.agh.client import Agh, good, refused
from tests.dialects.agh.test_runs import events
from tests.support.verbs import Json
from tests.support.yard import Yard


def force(agh: Agh, run: Json, verb: str, body: Any = None, status: int = 200) -> Json:
    """Force something on the run."""
    answer: Json = good(
        agh.post(f"/api/runs/{run['id']}/{verb}", {"reason": "stuck"} if body is None else body), status
    )
    return answer


def starved(agh: Agh) -> Json:
    """A run that needs attention."""
    run = agh.start()
    yard = Yard(agh.stand.store, agh.stand.clock)
    yard.starve(read("run", run["id"]))
    return run


def test_a_claimed_run_is_released_and_a_queued_one_failed(agh: Agh) -> None:
    run = agh.start()
    refused(agh.post(f"/api/runs/{run['id']}/release"), 409, "queued", code="task_run_not_releasable")
    claimed = agh.as_session().claim()
    assert claimed is not None
    released = force(agh, run, "release", {"metadata": {"dropped": True}})["run"]
    assert (released["status"], "session_id" in released, "claim_token_hash" in released) == ("queued", False, False)
    said = events(agh, run)[-1]["payload"]
    assert said["previous_claim_token_hash_truncated"] == claimed["lease"]["claim_token_hash"][7:15]
    assert said["previous_session_id"] == claimed["lease"]["session_id"]
    assert said["previous_lease_until"] == claimed["lease"]["lease_until"]
    assert (said["manual"], said["actor_id"], "metadata" in said) == (True, "local-user", False)
    failed = force(agh, run, "fail")["run"]
    assert (failed["status"], failed["failure_kind"], failed["error"]) == ("failed", "operator_forced", "stuck")
    refusal = refused(
        agh.post(f"/api/runs/{run['id']}/fail", {"reason": "x"}), 409, "failed", code="task_run_already_terminal"
    )
    assert (refusal["diagnostic"]["severity"], refusal["diagnostic"]["id"]) == (
        "info",
        "task.force.task_run_already_terminal",
    )


def test_failing_needs_a_reason(agh: Agh) -> None:
    run = agh.start()
    for body in ({}, {"reason": " "}):
        response = agh.send("POST", f"/api/runs/{run['id']}/fail", body, loose=True)
        refused(response, 422, "reason", code="force_op_requires_reason")
    refused(agh.post(f"/api/runs/{run['id']}/fail"), 400)
    refused(agh.post("/api/runs/bulk/fail", {"run_ids": [run["id"]]}), 422, code="force_op_requires_reason")
    refused(agh.post(f"/api/runs/{run['id']}/fail", {"reason": "x", "metadata": "x" * 16_384}), 413)


STAGES = ("queued", "claimed", "starting", "running", "completed", "failed", "canceled", "needs_attention")
ALLOWED = {"release": {"claimed"}, "fail": {"queued", "claimed"}, "retry": {"failed"}, "recover": {"needs_attention"}}
WRONG = {
    "release": "task_run_not_releasable",
    "fail": "task_run_still_active",
    "retry": "task_run_still_active",
    "recover": "task_run_not_recoverable",
}


def at(agh: Agh, stage: str) -> Json:
    """A run of a task of its own that stands so."""
    if stage == "needs_attention":
        return starved(agh)
    run = agh.start()
    steps: dict[str, list[tuple[str, Json]]] = {"queued": [], "claimed": [("claim", {})], "canceled": [("cancel", {})]}
    steps["running"] = [*steps["claimed"], ("start", {})]
    steps["completed"] = [*steps["running"], ("complete", {})]
    steps["failed"] = [*steps["running"], ("fail", {"error": "it broke"})]
    session = agh.as_session().headers["x-agh-session-id"] if stage == "starting" else ""
    steps["starting"] = [*steps["claimed"], ("attach-session", {"session_id": session})]
    for verb, body in steps[stage]:
        run = good(agh.post(f"/api/task-runs/{run['id']}/{verb}", body))["run"]
    assert run["status"] == stage
    return run


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize("stage", STAGES)
def test_what_may_be_forced_on_a_run_is_told_by_where_it_stands(agh: Agh, stage: str) -> None:
    for verb, stages in ALLOWED.items():
        run = at(agh, stage)
        if stage in stages:
            force(agh, run, verb, status=201 if verb in ("retry", "recover") else 200)
            continue
        is_over = verb == "fail" and stage in ("completed", "failed", "canceled")
        code = "task_run_already_terminal" if is_over else WRONG[verb]
        refusal = refused(agh.post(f"/api/runs/{run['id']}/{verb}", {"reason": "x"}), 409, code=code)
        assert refusal["diagnostic"]["id"] == f"task.force.{code}"
        assert (refusal["diagnostic"]["severity"] == "info") == is_over
        assert good(agh.get(f"/api/task-runs/{run['id']}"))["run"]["run"]["status"] == stage


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_what_cannot_be_followed_stays_as_it_is(agh: Agh) -> None:
    open_one = agh.task(max_attempts=10)
    first = force(agh, agh.start(open_one), "fail")["run"]
    second = agh.start(open_one)
    refused(agh.post(f"/api/runs/{first['id']}/retry"), 409, "one at a time")
    good(agh.post(f"/api/task-runs/{second['id']}/cancel"))
    refused(agh.post(f"/api/runs/{first['id']}/retry"), 409, "canceled")
    last = force(agh, agh.start(agh.task(max_attempts=1)), "fail")["run"]
    refused(agh.post(f"/api/runs/{last['id']}/retry"), 409, "attempts")
    alone = agh.start(agh.task(max_attempts=1))
    Yard(agh.stand.store, agh.stand.clock).starve(read("run", alone["id"]))
    refused(agh.post(f"/api/runs/{alone['id']}/recover"), 409, "attempts")
    assert good(agh.get(f"/api/task-runs/{alone['id']}"))["run"]["run"]["status"] == "needs_attention"


def test_a_failed_run_is_retried(agh: Agh) -> None:
    run = agh.start(network_channel="ops")
    refused(agh.post(f"/api/runs/{run['id']}/retry"), 409, "queued", code="task_run_still_active")
    force(agh, run, "fail")
    answer = force(agh, run, "retry", {"metadata": {"again": True}}, status=201)
    again = answer["run"]
    assert answer["previous_run"]["id"] == run["id"] == again["previous_run_id"]
    assert (again["attempt"], again["status"], again["metadata"]) == (2, "queued", {"again": True})
    assert (again["network_channel"], "idempotency_key" in again) == ("ops", False)
    assert [line["event_type"] for line in events(agh, again)] == ["task.run_operator_retry"]
    said = events(agh, again)[0]["payload"]
    assert (said["source_run_id"], said["new_run_id"]) == (run["id"], again["id"])
    refused(agh.post(f"/api/runs/{run['id']}/retry"), 409, "place")


def test_a_run_that_needs_attention_is_recovered_or_canceled(agh: Agh) -> None:
    run = starved(agh)
    assert good(agh.get(f"/api/task-runs/{run['id']}"))["run"]["run"]["status"] == "needs_attention"
    refused(agh.post(f"/api/runs/{run['id']}/fail", {"reason": "x"}), 409, code="task_run_still_active")
    answer = force(agh, run, "recover", {"reason": "back"}, status=201)
    previous, again = answer["previous_run"], answer["run"]
    assert (previous["status"], previous["failure_kind"], previous["error"]) == ("failed", "operator_forced", "back")
    assert (again["status"], again["previous_run_id"]) == ("queued", run["id"])
    assert [line["event_type"] for line in events(agh, again)] == ["task.run_recovered_from_attention"]
    refused(agh.post(f"/api/runs/{run['id']}/recover"), 409, code="task_run_not_recoverable")
    canceled = good(agh.post(f"/api/task-runs/{starved(agh)['id']}/cancel"))["run"]
    assert canceled["status"] == "canceled"


def test_many_runs_are_each_decided_by_themselves(agh: Agh, stranger: Agh) -> None:
    first, second, strange = agh.start(), agh.start(), stranger.start()
    ids = [first["id"], "nothing", strange["id"], f" {first['id']} ", second["id"]]
    body = {"run_ids": ids, "reason": "cleaning", "metadata": {"n": 1}}
    results = good(agh.post("/api/runs/bulk/fail", body))["results"]
    assert [(row["run_id"], row["ok"]) for row in results] == [
        (first["id"], True),
        ("nothing", False),
        (strange["id"], False),
        (second["id"], True),
    ]
    assert results[0]["run"]["status"] == "failed"
    assert "run" in results[1]["error"]["error"]
    results = good(agh.post("/api/runs/bulk/release", {"run_ids": [second["id"]]}))["results"]
    assert results[0]["error"]["diagnostic"]["code"] == "task_run_not_releasable"
    noted = {"run_ids": [at(agh, "claimed")["id"]], "metadata": "x" * 16_384}
    assert good(agh.post("/api/runs/bulk/release", noted))["results"][0]["ok"], "no metadata is looked at"
    refused(agh.post("/api/runs/bulk/fail", noted | {"reason": "x"}), 413)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_many_are_one_to_fifty(agh: Agh) -> None:
    for verb in ("release", "fail"):
        path = f"/api/runs/bulk/{verb}"
        refused(agh.post(path), 400)
        refused(agh.send("POST", path, {"run_ids": [], "reason": "x"}, loose=True), 400, "run_ids")
        refused(agh.post(path, {"run_ids": [" "], "reason": "x"}), 400, "blank")
        refused(agh.post(path, {"run_ids": ["x"] * 51, "reason": "x"}), 422, "50", code="bulk_too_large")
        refused(agh.post(path, {"run_ids": "x"}), 400)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_agents_force_ten_things_a_minute_on_a_task(agh: Agh) -> None:
    agent, task = agh.as_session(), agh.task(max_attempts=10)
    run = agh.start(task)
    for _ in range(5):
        force(agent, run, "fail")
        run = force(agent, run, "retry", {}, status=201)["run"]
    response = agent.post(f"/api/runs/{run['id']}/fail", {"reason": "x"})
    refused(response, 429, code="force_op_rate_limited")
    assert 1 <= int(response.headers["retry-after"]) <= 60
    refused(agent.post(f"/api/tasks/{task['id']}/pause", {"reason": "x"}), 429, code="force_op_rate_limited")
    bulk = good(agent.post("/api/runs/bulk/fail", {"run_ids": [run["id"]], "reason": "x"}))["results"]
    assert bulk[0]["error"]["diagnostic"]["code"] == "force_op_rate_limited"
    force(agent, agh.start(), "fail")
    force(agh, run, "fail")


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_strangers_and_odd_ids_find_nothing(agh: Agh, stranger: Agh) -> None:
    run = agh.start()
    for verb in ("release", "fail", "retry", "recover"):
        refused(stranger.post(f"/api/runs/{run['id']}/{verb}", {"reason": "x"}), 404)
        for odd in ("run-0", "x", "%00"):
            refused(agh.post(f"/api/runs/{odd}/{verb}", {"reason": "x"}), 404)
        refused(agh.with_scopes("task:read").post(f"/api/runs/{run['id']}/{verb}", {"reason": "x"}), 403)
