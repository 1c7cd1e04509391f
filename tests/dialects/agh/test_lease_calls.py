"""Each lease call from each state it works from, and what it leaves (contract §8)."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.dialects.agh.client import Agh, good, refused
from tests.support.verbs import Json

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
BODIES: dict[str, Json] = {"heartbeat": {}, "complete": {"result": 1}, "fail": {"error": "e"}, "release": {}}
LEADS_TO = {"complete": "completed", "fail": "failed", "release": "queued"}
OF_A_CLAIM = {"claimed_by", "claimed_at", "session_id", "lease_until", "heartbeat_at", "claim_token_hash"}
OF_WORK = {"started_at", "ended_at", "error", "result"}


def call(agh: Agh, run: Json, verb: str, **said: object) -> Json:
    """The lease as the call answers it."""
    lease: Json = good(agh.post(f"/api/agent/tasks/{run['id']}/{verb}", BODIES[verb] | said))["lease"]
    return lease


def seconds(lease: Json) -> float:
    """How long the lease lasts from its last sign of life on."""
    begin, end = (datetime.fromisoformat(lease[name].rstrip("Z")[:26]) for name in ("heartbeat_at", "lease_until"))
    return (end - begin).total_seconds()


@pytest.mark.parametrize("stage", ["claimed", "running"])
def test_lease_calls_work_from_every_state_of_work_and_leave_the_session_alone(agh: Agh, stage: str) -> None:
    for verb in BODIES:
        coder, run = agh.as_session(), agh.start(agh.task(priority="urgent"))
        assert coder.claim() is not None
        if stage == "running":
            good(coder.post(f"/api/task-runs/{run['id']}/start", {"idempotency_key": "go"}))
        lease = call(coder, run, verb)
        seen = agh.see(run["task_id"])
        (now,) = seen["runs"]
        assert now["status"] == lease["status"] == LEADS_TO.get(verb, stage)
        assert good(coder.get("/api/agent/me"))
        if verb == "release":
            assert not (OF_A_CLAIM | OF_WORK) & now.keys()
            assert (now["attempt"], now["queued_at"]) == (run["attempt"], run["queued_at"])
            good(agh.post(f"/api/runs/{run['id']}/fail", {"reason": "done with"}))
        elif verb != "heartbeat":
            assert OF_A_CLAIM & now.keys() == {"claimed_by", "claimed_at", "session_id", "claim_token_hash"}
            assert seen["task"]["status"] == ("completed" if verb == "complete" else "ready")


def test_a_lease_lasts_five_minutes_or_as_long_as_was_said(agh: Agh) -> None:
    run, coder = agh.start(), agh.as_session()
    response = coder.post("/api/agent/tasks/claim-next", {})
    assert seconds(good(response)["claim"]["lease"]) == 300
    assert "agh_claim_" not in response.text, "the token itself is told to nobody"
    for said, lasts in ((86_400, 86_400), (1, 1), (0, 300), (60, 60)):
        assert seconds(call(coder, run, "heartbeat", lease_seconds=said)) == lasts
    assert seconds(call(coder, run, "heartbeat")) == 300
    assert call(coder, run, "complete", result="x" * 65_534)["status"] == "completed"


def test_an_expired_lease_rejects_its_holder_before_and_after_it_is_swept(agh: Agh) -> None:
    run, coder = agh.start(), agh.as_session()
    assert coder.claim(lease_seconds=1) is not None
    agh.stand.clock.forward(seconds=1)
    for verb, body in BODIES.items():
        refused(coder.post(f"/api/agent/tasks/{run['id']}/{verb}", body), 409, "AUTONOMY_LEASE_EXPIRED")
    agh.tick(seconds=15)
    for verb, body in BODIES.items():
        refused(coder.post(f"/api/agent/tasks/{run['id']}/{verb}", body), 409, "AUTONOMY_NO_ACTIVE_LEASE")
    again = agh.as_session().claim()
    assert again is not None
    assert (again["run"]["id"], again["run"]["attempt"]) == (run["id"], 1)
