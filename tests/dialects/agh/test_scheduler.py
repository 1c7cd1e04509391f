"""The scheduler over the wire (contract §21)."""

from __future__ import annotations

import pytest

from tests.dialects.agh.client import Agh, good, refused


def test_pausing_resuming_and_the_backlog(agh: Agh) -> None:
    low, high = agh.task("low", priority="low"), agh.task("high", priority="urgent")
    runs = [agh.start(low), agh.start(high)]
    status = good(agh.post("/api/scheduler/pause", {"reason": " release "}))["scheduler"]
    assert (status["paused"], status["paused_by"], status["paused_reason"]) == (True, "human:local-user", "release")
    assert (status["queued_run_count"], status["active_claim_count"]) == (2, 0)
    coder = agh.as_session()
    assert coder.claim() is None
    backlog = good(agh.get("/api/scheduler/backlog"))["backlog"]
    assert [row["run"]["id"] for row in backlog["runs"]] == [runs[1]["id"], runs[0]["id"]]
    assert backlog["total"] == 2
    assert good(agh.get("/api/scheduler/backlog", workspace="anywhere"))["backlog"] == {"runs": [], "total": 0}
    status = good(agh.post("/api/scheduler/resume", {"reason": "ignored"}))["scheduler"]
    assert not {"paused_by", "paused_at", "paused_reason"} & status.keys()
    claim = coder.claim()
    assert claim is not None
    assert claim["run"]["id"] == runs[1]["id"]
    assert good(agh.get("/api/scheduler"))["scheduler"]["active_claim_count"] == 1


def test_a_drain_pauses_and_says_whether_everything_ended(agh: Agh) -> None:
    done = good(agh.post("/api/scheduler/drain"))
    assert (done["completed"], done["remaining_claims"], "timed_out" in done) == (True, 0, False)
    assert done["scheduler"]["paused_reason"] == "scheduler drain"
    good(agh.post("/api/scheduler/resume"))
    agh.start()
    assert agh.as_session().claim() is not None
    late = good(agh.post("/api/scheduler/drain", {"timeout_seconds": 0, "reason": "move"}))
    assert (late["completed"], late["timed_out"], late["remaining_claims"]) == (False, True, 1)
    assert late["scheduler"]["paused"]
    assert late["scheduler"]["paused_reason"] == "move"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_what_is_wrong_is_said(agh: Agh) -> None:
    refused(agh.post("/api/scheduler/drain", {"timeout_seconds": -1}, loose=True), 400, "timeout_seconds")
    refused(agh.post("/api/scheduler/drain", {"timeout_seconds": "soon"}, loose=True), 400)
    refused(agh.get("/api/scheduler/backlog", limit=-1), 400, "limit")
    refused(agh.get("/api/scheduler/backlog", include_paused="perhaps"), 400, "include_paused")
    refused(agh.with_scopes("task:read").post("/api/scheduler/pause"), 403)
