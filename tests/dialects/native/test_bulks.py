"""One verb for many runs over HTTP."""

from __future__ import annotations

import pytest

from tests.dialects.native.test_isolation import advance
from tests.support.api import Api, good, ids, refused
from tests.support.stand import Stand
from tests.support.verbs import Json


def test_runs_are_canceled_by_name(api: Api, stand: Stand) -> None:
    runs, kept = api.make(3), api.run()
    asked = {"action": "cancel", "ids": [*ids(runs), "nothing"], "reason": "enough"}
    bulk = good(api.post("/bulk", asked), 202)
    advance(stand)
    after = good(api.get(f"/bulk/{bulk['id']}"))
    assert (after["state"], after["done"], after["failed"]) == ("finished", 3, 1)
    assert "nothing" in str(after["errors"])
    assert {api.see(run)["state"] for run in runs} == {"canceled"}
    assert api.see(kept)["state"] == "queued"
    refused(api.post(f"/bulk/{bulk['id']}/cancel"), 409)


def test_runs_are_meant_by_a_filter_and_only_counted_when_dry(api: Api, stand: Stand) -> None:
    runs = api.make(3, queue="mail", tags=["a"])
    api.run()
    asked = {"action": "cancel", "filter": {"queue": "mail", "tag": "a", "state": "queued"}}
    dry = good(api.post("/bulk", {**asked, "dry_run": True}), 202)
    advance(stand)
    assert good(api.get(f"/bulk/{dry['id']}"))["total"] == 3
    assert api.see(runs[0])["state"] == "queued"
    wet = good(api.post("/bulk", asked), 202)
    advance(stand)
    assert good(api.get(f"/bulk/{wet['id']}"))["done"] == 3
    assert len(api.listed("/runs", state="canceled")) == 3
    assert ids(api.listed("/bulk", limit=1)) == [wet["id"], dry["id"]]


@pytest.mark.parametrize("action", ["requeue", "discard", "resolve", "replay", "retry"])
def test_the_dead_letter_is_emptied_by_every_verb(api: Api, stand: Stand, action: str) -> None:
    runs = [api.buried() for _ in range(2)]
    bulk = good(api.post("/bulk", {"action": action, "ids": ids(runs)}), 202)
    advance(stand)
    after = good(api.get(f"/bulk/{bulk['id']}"))
    assert (after["done"], after["failed"]) == (2, 0), after["errors"]


def test_a_bulk_action_is_stopped(api: Api, stand: Stand) -> None:
    run = api.run()
    bulk = good(api.post("/bulk", {"action": "cancel", "filter": {}}), 202)
    assert good(api.post(f"/bulk/{bulk['id']}/cancel"))["state"] == "canceled"
    advance(stand)
    assert api.see(run)["state"] == "queued"


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"action": "cancel"},
        {"action": "explode", "ids": ["x"]},
        {"action": "cancel", "ids": []},
        {"action": "cancel", "ids": ["x"], "filter": {}},
        {"action": "cancel", "filter": {"state": "none"}},
        {"action": "cancel", "filter": {"payload": "{"}},
        {"action": "cancel", "ids": ["x\u0000"]},
    ],
)
def test_a_bulk_action_that_makes_no_sense_is_refused(api: Api, asked: Json) -> None:
    refused(api.post("/bulk", asked), 400, "invalid")


def test_counts_and_queues_tell_how_things_stand(api: Api) -> None:
    api.done(queue="mail")
    claim = api.claimed(queue="post")
    waiting = api.run(queue="mail")
    told = good(api.get("/stats"))
    assert (told["states"]["completed"], told["states"]["queued"]) == (1, 1)
    assert told["outcomes"]["succeeded"] == 1
    queues = {one["queue"]: one for one in good(api.get("/queues"))["data"]}
    assert (queues["mail"]["ready"], queues["post"]["running"]) == (1, 1)
    assert queues["mail"]["oldest_ready_at"] == waiting["queued_at"]
    assert claim["run"]["queue"] == "post"
    for wrong in ("yesterday", "x" * 400):
        refused(api.get("/stats", since=wrong), 400, "invalid")
