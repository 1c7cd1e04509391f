"""The hot calls, from an executor's side: claims, leases, reports."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

from runyard.dialects.native.routes import executors
from tests.support.api import Api, good, ids, proof, refused
from tests.support.stand import PATIENCE, Stand
from tests.support.verbs import Json

READY = "ready:1"


def test_the_hot_calls_have_the_shapes_that_were_promised(api: Api) -> None:
    (run,) = good(api.post("/runs", {"runs": [{"payload": 1, "queue": "q", "tags": ["t"]}]}), 201)["runs"]
    answer = good(api.post("/runs/claim", {"limit": 1, "queues": ["q"], "lease_seconds": 30, "wait_seconds": 0}))
    assert set(answer) == {"claims"}
    (claim,) = answer["claims"]
    assert set(claim) == {"run", "lease"}
    assert claim["run"]["id"] == run["id"]
    assert claim["lease"]["token"].startswith("rl_")
    assert claim["lease"]["until"] > run["created_at"]
    named = proof(claim)
    for verb in ("start", "heartbeat"):
        (result,) = good(api.post(f"/runs/{verb}", {"reports": [named]}))["results"]
        assert (result["run_id"], result["ok"]) == (run["id"], True)
    assert good(api.post(f"/runs/{run['id']}/logs", {"entries": [{"level": "info", "message": "m", "data": 1}]}), 201)
    (result,) = good(api.post("/runs/complete", {"reports": [{**named, "output": {"a": 1}}]}))["results"]
    assert (result["run_id"], result["ok"], result["state"]) == (run["id"], True, "completed")
    for verb in ("fail", "release"):
        said = {"error": "x"} if verb == "fail" else {}
        (result,) = good(api.post(f"/runs/{verb}", {"reports": [{**named, **said}]}))["results"]
        assert (result["run_id"], result["ok"]) == (run["id"], False)
        assert result["error"]["code"] == "lease_lost"
        assert result["error"]["state"] == "completed"
    assert api.see(run)["output"] == {"a": 1}


def test_a_worker_takes_a_run_through_its_life(api: Api, stand: Stand) -> None:
    run = api.run()
    (claim,) = api.claim(lease_seconds=30, worker="w1")
    assert (claim["run"]["state"], claim["run"]["lease"]["worker"]) == ("claimed", "w1")
    assert "token" not in claim["run"]["lease"]
    assert api.report("start", {**proof(claim), "preparing": True})[0]["state"] == "starting"
    assert api.report("start", proof(claim))[0]["state"] == "running"
    stand.clock.forward(seconds=20)
    (beat,) = api.report("heartbeat", {**proof(claim), "lease_seconds": 60})
    assert beat["lease"]["until"] > claim["lease"]["until"]
    stand.clock.forward(seconds=50)
    assert api.complete(claim, [1, 2])["state"] == "completed"
    after = api.see(run)
    assert (after["state"], after["output"], after["lease"]) == ("completed", [1, 2], None)
    (attempt,) = api.listed(f"/runs/{run['id']}/attempts")
    assert (attempt["outcome"], attempt["worker"], attempt["attempt"]) == ("completed", "w1", 1)
    types = [event["type"] for event in api.listed(f"/runs/{run['id']}/events")]
    assert types == ["run.created", "run.claimed", "run.starting", "run.started", "run.completed"]


def test_claims_go_by_priority_then_age(api: Api, stand: Stand) -> None:
    low, high, low_too = api.run(priority=1), api.run(priority=5), api.run(priority=1)
    assert [claim["run"]["id"] for claim in api.claim(10)] == [high["id"], low["id"], low_too["id"]]


def test_claims_go_by_queue_executor_capability_and_job(api: Api) -> None:
    good(api.post("/jobs", {"name": "mail"}), 201)
    queue, job = api.run(queue="q"), api.run(job="mail")
    executor, able = api.run(executor="robot"), api.run(capabilities=["gpu"])
    assert api.claim(queues=["other"]) == []
    assert api.claim(queues=[]) == []
    assert [claim["run"]["id"] for claim in api.claim(9, queues=["q", "r"])] == [queue["id"]]
    assert [claim["run"]["id"] for claim in api.claim(9, jobs=["mail"])] == [job["id"]]
    assert [claim["run"]["id"] for claim in api.claim(9, executor="robot")] == [executor["id"]]
    assert api.claim(9) == []
    assert [claim["run"]["id"] for claim in api.claim(9, capabilities=["gpu", "arm"])] == [able["id"]]


def test_many_workers_never_get_one_run_twice(api: Api) -> None:
    made = ids(api.make(100))
    with ThreadPoolExecutor(8) as pool:
        taken = [claim["run"]["id"] for claims in pool.map(lambda _: api.claim(7), range(20)) for claim in claims]
    assert sorted(taken) == sorted(made)


def test_one_bad_report_among_many_spoils_none_of_the_others(api: Api) -> None:
    first, second, third = (api.claimed() for _ in range(3))
    results = api.report(
        "complete",
        {**proof(first), "output": 1},
        {**proof(second), "token": "rl_of_somebody_else", "output": 2},
        {"run_id": "0199b3c4-0000-7000-8000-00000000a001", "token": "rl_x"},
        {"run_id": "no id at all", "token": ""},
        {**proof(third), "output": 3},
    )
    assert [one["ok"] for one in results] == [True, False, False, False, True]
    assert [one["error"]["code"] for one in results if not one["ok"]] == ["lease_lost", "not_found", "not_found"]
    assert [one["error"]["status"] for one in results if not one["ok"]] == [409, 404, 404]
    assert api.see(second["run"])["state"] == "claimed"


def test_a_report_may_be_sent_again(api: Api) -> None:
    claim = api.claimed()
    for _ in range(2):
        assert api.report("start", proof(claim))[0]["ok"]
    for _ in range(2):
        assert api.complete(claim, 1)["state"] == "completed"
    (twice, again) = api.report("complete", {**proof(claim), "output": 2}, {**proof(claim), "output": 3})
    assert (twice["ok"], again["ok"]) == (True, True)
    assert api.see(claim["run"])["output"] == 1


def test_an_output_that_breaks_the_jobs_schema_is_refused_with_the_place(api: Api) -> None:
    good(api.post("/jobs", {"name": "count", "output_schema": {"type": "object", "required": ["n"]}}), 201)
    claim = api.claimed(job="count")
    (result,) = api.report("complete", {**proof(claim), "output": {}})
    assert (result["ok"], result["error"]["code"], result["error"]["status"]) == (False, "schema_mismatch", 400)
    assert '"n"' in result["error"]["detail"]
    assert api.complete(claim, {"n": 1})["ok"]


def test_a_failed_attempt_is_tried_again_in_place_then_buried(api: Api, stand: Stand) -> None:
    claim = api.claimed(retry={"max_attempts": 2, "backoff": "fixed", "initial_seconds": 10, "jitter": 0})
    failed = api.fail(claim, {"message": "no network", "kind": "network", "data": {"host": "h"}})
    assert (failed["state"], failed["next_retry_at"] is not None) == ("queued", True)
    run = api.see(claim["run"])
    assert (run["hold"], run["attempt"], run["error_class"]) == ("retry", 2, "network")
    assert run["error"]["data"] == {"host": "h"}
    assert api.claim() == []
    stand.clock.forward(seconds=10)
    good_tick(stand)
    (second,) = api.claim()
    assert api.fail(second)["state"] == "dead_letter"
    assert [one["outcome"] for one in api.listed(f"/runs/{run['id']}/attempts")] == ["failed", "failed"]


def good_tick(stand: Stand) -> None:
    """One pass of the timer loop."""
    from runyard.engine import timers

    stand.store.transact(timers.tick)


def test_an_executor_may_say_when_and_whether_to_retry(api: Api) -> None:
    later = api.fail(api.claimed(), retry_after_seconds=3600)
    assert later["next_retry_at"] is not None
    assert api.fail(api.claimed(), retryable=False)["state"] == "dead_letter"
    assert api.fail(api.claimed(retry={"dead_letter": False}), retryable=False)["state"] == "failed"


def test_a_failure_may_say_what_a_program_printed(api: Api) -> None:
    for error in ("cut \0 off", {"message": "cut \0 off", "data": {"tail": "\0"}}):
        claim = api.claimed(retry={"max_attempts": 1})
        assert api.fail(claim, error)["state"] == "dead_letter"
        assert api.see(claim["run"])["error"]["message"] == "cut \0 off"
    problem = refused(
        api.post("/runs/fail", {"reports": [{**proof(claim), "error": {"message": "", "kind": "\0"}}]}), 400
    )
    assert "U+0000" in problem["detail"]


def test_a_released_run_is_there_for_the_next(api: Api) -> None:
    claim = api.claimed()
    assert api.report("release", {**proof(claim), "reason": "stopping"})[0]["state"] == "queued"
    (second,) = api.claim()
    assert second["run"]["attempt"] == 1
    assert not api.report("complete", proof(claim))[0]["ok"]
    assert api.complete(second)["ok"]


def test_an_expired_lease_is_lost_and_the_run_taken_over(api: Api, stand: Stand) -> None:
    api.run(retry={"initial_seconds": 0, "jitter": 0})
    (claim,) = api.claim(lease_seconds=10)
    stand.clock.forward(seconds=11)
    for verb, said in (("start", {}), ("heartbeat", {}), ("complete", {}), ("fail", {"error": "x"}), ("release", {})):
        (result,) = api.report(verb, {**proof(claim), **said})
        assert result["error"]["code"] == "lease_lost", verb
    good_tick(stand)
    (second,) = api.claim()
    assert second["run"]["id"] == claim["run"]["id"]
    assert second["lease"]["token"] != claim["lease"]["token"]


def test_a_canceled_run_tells_its_holder_why_the_lease_is_gone(api: Api) -> None:
    claim = api.claimed()
    good(api.post(f"/runs/{claim['run']['id']}/cancel", {"reason": "enough"}))
    (result,) = api.report("heartbeat", proof(claim))
    assert (result["ok"], result["error"]["code"], result["error"]["state"]) == (False, "lease_lost", "canceled")


def test_an_executor_makes_children_of_the_run_it_holds_alone(api: Api, stand: Stand) -> None:
    claimer, claim, other = stand.key("runs:claim"), api.claimed(), api.run()
    parent, held = claim["run"]["id"], {"x-runyard-lease": claim["lease"]["token"]}
    refused(claimer.post("/runs", {"parent_id": parent}), 403, "forbidden")
    refused(claimer.post("/runs", {}, headers=held), 400, "invalid")
    refused(claimer.post("/runs", {"parent_id": other["id"]}, headers=held), 409, "lease_lost")
    refused(claimer.post("/runs", {"parent_id": parent}, headers={"x-runyard-lease": "rl_x"}), 409, "lease_lost")
    mixed = {"runs": [{"parent_id": parent}, {"parent_id": other["id"]}]}
    assert claimer.post("/runs", mixed, headers=held).status_code in {400, 403, 409}
    assert claimer.post("/runs", {"runs": [{"parent_id": parent}, {}]}, headers=held).status_code in {400, 403, 409}
    made = good(claimer.post("/runs", {"runs": [{"parent_id": parent}] * 2}, headers=held), 201)["runs"]
    assert sorted(ids(api.listed(f"/runs/{parent}/children"))) == sorted(ids(made))
    api.complete(claim)
    refused(claimer.post("/runs", {"parent_id": parent}, headers=held), 409, "lease_lost")


def test_a_parent_waits_for_its_children_without_a_slot(api: Api) -> None:
    claim = api.claimed()
    child = api.run(parent_id=claim["run"]["id"])
    assert api.report("wait", {**proof(claim), "timeout_seconds": 60})[0]["state"] == "waiting"
    assert api.see(claim["run"])["waiting_for"]["kind"] == "children"
    (taken,) = api.claim(9)
    assert taken["run"]["id"] == child["id"]
    api.complete(taken)
    assert api.see(claim["run"])["state"] == "queued"


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"wait_seconds": 61}, "wait_seconds"),
        ({"wait_seconds": -1}, "wait_seconds"),
        ({"lease_seconds": 0}, "lease_seconds"),
        ({"lease_seconds": 86401}, "lease_seconds"),
        ({"queues": "q"}, "queues"),
        ({"queues": [""]}, "queues"),
        ({"queues": ["q"] * 65}, "queues"),
        ({"capabilities": [1]}, "capabilities"),
        ({"executor": ""}, "executor"),
        ({"worker": "w" * 129}, "worker"),
    ],
)
def test_a_claim_that_makes_no_sense_is_refused(api: Api, asked: Json, word: str) -> None:
    assert word in refused(api.post("/runs/claim", asked), 400, "invalid")["detail"]


@pytest.mark.parametrize("verb", ["start", "heartbeat", "complete", "fail", "release", "wait"])
def test_reports_that_make_no_sense_are_refused(api: Api, verb: str) -> None:
    said = {"error": "x"} if verb == "fail" else {}
    senseless: list[Any] = [[], [{"token": "t"}], [{"run_id": "r"}], [{"run_id": 1, "token": "t", **said}], {}, [1]]
    for reports in senseless:
        problem = refused(api.post(f"/runs/{verb}", {"reports": reports}), 400, "invalid")
        assert "reports" in problem["detail"] or problem["errors"], problem
    many = [{"run_id": "r", "token": "t", **said}] * 1001
    refused(api.post(f"/runs/{verb}", {"reports": many}), 400, "invalid")


@pytest.fixture
def never_looking_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting claims find only what they are woken for."""
    monkeypatch.setattr(executors, "RECHECK_SECONDS", 10 * PATIENCE)


@pytest.mark.usefixtures("never_looking_again")
def test_a_waiting_claim_is_woken_by_the_commit_that_makes_work(api: Api, stand: Stand) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(api.claim, wait_seconds=2 * PATIENCE)
        stand.until(lambda: stand.waiting(READY))
        run = api.run()
        (claim,) = waiting.result(PATIENCE)
    assert claim["run"]["id"] == run["id"]


@pytest.mark.usefixtures("never_looking_again")
def test_a_waiting_claim_is_woken_by_a_resume_a_release_and_a_free_place(api: Api, stand: Stand) -> None:
    paused = api.run()
    good(api.post(f"/runs/{paused['id']}/pause"))
    taken = api.claimed(queue="released")
    good(api.post("/jobs", {"name": "one", "concurrency": {"max": 1}}), 201)
    holder = api.claimed(job="one", queue="one")
    held = api.run(job="one", queue="one")
    with ThreadPoolExecutor(3) as pool:
        queues = ["default", "released", "one"]
        claims = [pool.submit(api.claim, queues=[queue], wait_seconds=2 * PATIENCE) for queue in queues]
        stand.until(lambda: stand.waiting(READY) == 3)
        good(api.post(f"/runs/{paused['id']}/resume"))
        api.report("release", proof(taken))
        api.complete(holder)
        found = [claim.result(PATIENCE)[0]["run"]["id"] for claim in claims]
    assert found == [paused["id"], taken["run"]["id"], held["id"]]


def test_one_run_wakes_many_and_goes_to_one(api: Api, stand: Stand) -> None:
    with ThreadPoolExecutor(5) as pool:
        claims = [pool.submit(api.claim, wait_seconds=1) for _ in range(5)]
        stand.until(lambda: stand.waiting(READY) == 5)
        api.run()
        assert sorted(len(claim.result(PATIENCE)) for claim in claims) == [0, 0, 0, 0, 1]


def test_a_claim_does_not_wait_longer_than_it_said(api: Api) -> None:
    started = time.monotonic()
    assert api.claim(wait_seconds=0.2) == []
    assert 0.2 <= time.monotonic() - started < PATIENCE


def hang_up(stand: Stand, api: Api, while_away: Any) -> None:
    """Wait for work as a client that goes away without a word."""
    body = msgspec.json.encode({"limit": 5, "wait_seconds": 60})
    head = (
        f"POST /runyard/v1/runs/claim HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {api.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    host, port = stand.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(head.encode() + body)
        stand.until(lambda: stand.waiting(READY))
        while_away()


def test_a_client_that_hung_up_while_waiting_leaves_no_lease(api: Api, stand: Stand) -> None:
    hang_up(stand, api, lambda: None)
    stand.until(lambda: not stand.waiting(READY))
    run = api.run()
    assert api.see(run)["state"] == "queued"
    assert api.listed(f"/runs/{run['id']}/attempts") == []
    assert api.claim()[0]["run"]["id"] == run["id"]


def test_work_that_reaches_a_client_as_it_hangs_up_is_given_back(api: Api, stand: Stand) -> None:
    for _ in range(5):
        made: list[Json] = []
        hang_up(stand, api, lambda made=made: made.append(api.run()))
        stand.until(lambda: not stand.waiting(READY))
        (run,) = made
        if api.claim(9):
            continue
        # What had reached the wire when the client left is its own; that cannot be told from a client that is slow.
        assert api.see(run)["state"] == "claimed"
