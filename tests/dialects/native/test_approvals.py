"""Approvals over HTTP: executors ask under their leases, people decide."""

from __future__ import annotations

import pytest

from tests.dialects.native.recipes import asked
from tests.support.api import Api, good, proof, refused
from tests.support.stand import Stand


def test_a_run_asks_and_reads_the_decision_when_it_goes_on(api: Api) -> None:
    first = asked(api, description="v2", changes=["a.py"], risk="critical", timeout_seconds=60)
    assert (first["state"], first["risk"], first["changes"]) == ("pending", "critical", ["a.py"])
    assert first["expires_at"] > first["requested_at"]
    run = api.see(first["run_id"])
    assert (run["state"], run["waiting_for"]["kind"]) == ("waiting", "decision")
    decided = good(api.post(f"/approvals/{first['id']}/decide", {"approved": False, "comment": "not now"}))
    assert (decided["state"], decided["comment"]) == ("rejected", "not now")
    assert decided["decided_by"]
    assert api.see(run)["state"] == "queued"
    (claim,) = api.claim()
    path = f"/runs/{run['id']}/approvals"
    again = {"name": "deploy", "action": "Deploy", "token": claim["lease"]["token"]}
    assert good(api.post(path, again)) == decided
    assert good(api.get(f"{path}/deploy")) == decided == good(api.get(f"/approvals/{first['id']}"))
    assert good(api.get(path, name="other"))["data"] == []
    assert refused(api.post(f"/approvals/{first['id']}/decide", {"approved": True}), 409)["code"] == "conflict"
    api.complete(claim)
    types = [event["type"] for event in api.listed(f"/runs/{run['id']}/events")]
    assert [one for one in types if one.startswith("approval.")] == ["approval.requested", "approval.rejected"]


def test_a_refusal_cancels_the_run_that_asked_for_it(api: Api) -> None:
    approval = asked(api, on_reject="cancel")
    good(api.post(f"/approvals/{approval['id']}/decide", {"approved": False, "comment": "never"}))
    run = api.see(approval["run_id"])
    assert (run["state"], run["error"]["message"]) == ("canceled", "never")


def test_an_executor_with_a_key_that_only_claims_asks_and_reads_its_own(stand: Stand, api: Api) -> None:
    worker = stand.key("runs:claim")
    api.run()
    (claim,) = worker.claim()
    lease = {"x-runyard-lease": claim["lease"]["token"]}
    path = f"/runs/{claim['run']['id']}/approvals"
    assert good(worker.send("GET", path, headers=lease))["data"] == []
    refused(worker.get(path), 403)
    refused(worker.post(path, {"name": "go", "action": "Go"}), 403)
    approval = good(worker.send("POST", path, {"name": "go", "action": "Go"}, headers=lease))
    refused(worker.get("/approvals"), 403)
    refused(worker.post(f"/approvals/{approval['id']}/decide", {"approved": True}), 403)


def test_without_a_lease_nobody_asks(api: Api) -> None:
    claim = api.claimed()
    path = f"/runs/{claim['run']['id']}/approvals"
    refused(api.post(path, {"name": "go", "action": "Go"}), 403)
    refused(api.post(path, {"name": "go", "action": "Go", "token": "rl_other"}), 409)
    refused(api.post(path, {"name": "a b", "action": "Go", **_token(claim)}), 400)


@pytest.mark.parametrize("approved", [True, False])
def test_a_report_that_waits_for_a_decision(api: Api, approved: bool) -> None:
    claim = api.claimed()
    question = {"name": "go", "action": "Go on", "risk": "low"}
    (result,) = api.report("wait", {**proof(claim), "approval": question, "timeout_seconds": 60})
    assert (result["ok"], result["state"]) == (True, "waiting")
    (approval,) = api.listed("/approvals", state="pending")
    good(api.post(f"/approvals/{approval['id']}/decide", {"approved": approved}))
    (claim,) = api.claim()
    (result,) = api.report("wait", {**proof(claim), "approval": question})
    assert (result["ok"], result["state"]) == (True, "queued")


def test_reports_that_wait_for_different_things_are_answered_in_order(api: Api) -> None:
    claims = [api.claimed() for _ in range(4)]
    results = api.report(
        "wait",
        {**proof(claims[0]), "approval": {"name": "go", "action": "Go"}},
        {**proof(claims[1]), "event": "it"},
        proof(claims[2]),
        {**proof(claims[3]), "approval": {"name": "not good", "action": "Go"}},
    )
    assert [result["ok"] for result in results] == [True, True, True, False]
    assert [result.get("state") for result in results] == ["waiting", "waiting", "queued", None]
    assert results[3]["error"]["code"] == "invalid"
    both = {**proof(claims[3]), "approval": {"name": "go", "action": "Go"}, "event": "it"}
    refused(api.post("/runs/wait", {"reports": [both]}), 400)


def test_lists_page_through_states(api: Api) -> None:
    made = [asked(api)["id"] for _ in range(3)]
    good(api.post(f"/approvals/{made[1]}/decide", {"approved": True}))
    assert [[one["id"] for one in page] for page in api.pages("/approvals", limit=2)] == [made[:0:-1], made[:1]]
    assert [one["id"] for one in api.listed("/approvals", state="pending")] == [made[2], made[0]]
    assert [one["id"] for one in api.listed("/approvals", state="approved")] == [made[1]]
    refused(api.get("/approvals", state="maybe"), 400)


def _token(claim: dict[str, dict[str, str]]) -> dict[str, str]:
    return {"token": claim["lease"]["token"]}
