"""Dependencies of jobs and waits for events, over HTTP."""

from __future__ import annotations

from tests.dialects.native.recipes import awaited
from tests.support.api import Api, good, proof, refused


def test_runs_of_a_job_wait_for_the_job_that_theirs_depends_on(api: Api) -> None:
    for name in ("first", "after"):
        good(api.post("/jobs", {"name": name}), 201)
    made = good(api.post("/jobs/after/dependencies", {"depends_on": "first"}), 201)
    run = api.run(job="after")
    assert (run["state"], run["waiting_for"]["kind"]) == ("waiting", "dependency")
    status = good(api.get(f"/runs/{run['id']}/dependencies"))
    assert status == {"met": False, "dependencies": [{"dependency": made, "met": False}]}
    api.done(job="first")
    assert api.see(run)["state"] == "queued"
    assert good(api.get(f"/runs/{run['id']}/dependencies"))["met"]


def test_a_circle_is_refused(api: Api) -> None:
    for name in ("one", "other"):
        good(api.post("/jobs", {"name": name}), 201)
    good(api.post("/jobs/one/dependencies", {"depends_on": "other"}), 201)
    refused(api.post("/jobs/other/dependencies", {"depends_on": "one"}), 400)
    refused(api.post("/jobs/other/dependencies", {"depends_on": "other"}), 400)


def test_a_run_waits_for_an_event_whatever_its_key(api: Api) -> None:
    claim = api.claimed()
    (result,) = api.report("wait", {**proof(claim), "event": "a/b c%2F?", "timeout_seconds": 60})
    assert (result["ok"], result["state"]) == (True, "waiting")
    found = good(api.get("/event-waits/find", key="a/b c%2F?"))
    assert (found["state"], found["run_id"], found["payload"]) == ("waiting", claim["run"]["id"], None)
    sent = good(api.post("/event-waits/send", {"key": "a/b c%2F?", "payload": {"n": 1}}))
    assert (sent["state"], sent["payload"]) == ("received", {"n": 1})
    assert api.see(claim["run"])["state"] == "queued"
    assert good(api.post("/event-waits/send", {"key": "a/b c%2F?", "payload": {"n": 1}})) == sent
    refused(api.post("/event-waits/send", {"key": "a/b c%2F?", "payload": {"n": 2}}), 409)


def test_reports_of_waits_for_events_and_for_children_are_answered_in_order(api: Api) -> None:
    claims = [api.claimed() for _ in range(3)]
    results = api.report(
        "wait",
        {**proof(claims[0]), "event": "same"},
        proof(claims[1]),
        {**proof(claims[2]), "event": "same"},
    )
    assert [result["ok"] for result in results] == [True, True, False]
    assert results[1]["state"] == "queued"
    assert results[2]["error"]["status"] == 409


def test_canceling_a_wait_cancels_its_run(api: Api) -> None:
    key = awaited(api)
    wait = good(api.post("/event-waits/cancel", {"key": key}))
    assert (wait["state"], api.see(wait["run_id"])["state"]) == ("canceled", "canceled")
    refused(api.post("/event-waits/cancel", {"key": key}), 409)
    refused(api.post("/event-waits/cancel", {"key": "never"}), 404)
