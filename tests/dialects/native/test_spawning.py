"""Children that an executor makes under its lease."""

from __future__ import annotations

from tests.support.api import Api, good, refused

LEASE = "X-Runyard-Lease"


def test_a_claim_only_key_makes_children_of_the_run_it_holds_and_nothing_else(admin: Api) -> None:
    parent = admin.run()
    made = good(admin.post("/keys", {"name": "worker", "scopes": ["runs:claim"]}), 201)
    worker = admin.as_key(made["key"])
    (claim,) = worker.claim()
    lease = {LEASE: claim["lease"]["token"]}
    child = good(worker.post("/runs", {"payload": 1, "parent_id": parent["id"]}, headers=lease), 201)
    assert (child["parent_id"], child["depth"]) == (parent["id"], 1)
    refused(worker.post("/runs", {"payload": 1}, headers=lease), 400, "invalid")
    refused(worker.post("/runs", {"payload": 1, "parent_id": parent["id"]}), 403, "forbidden")
    other = admin.run()
    mixed = {"runs": [{"parent_id": parent["id"]}, {"parent_id": other["id"]}]}
    refused(worker.post("/runs", mixed, headers=lease), 400, "invalid")


def test_an_executor_that_lost_its_lease_spawns_no_more(admin: Api) -> None:
    parent = admin.run()
    (claim,) = admin.claim()
    lease = {LEASE: claim["lease"]["token"]}
    good(admin.post(f"/runs/{parent['id']}/pause"))
    refused(admin.post("/runs", {"payload": 1, "parent_id": parent["id"]}, headers=lease), 409, "lease_lost")
    assert admin.listed(f"/runs/{parent['id']}/children") == []
