"""Asking for approval: the answer where there is one, else the run parks with the question."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from runyard.sdk import Park, models
from runyard.sdk.worker import asking

ASKED: dict[str, Any] = {"action": "Deploy", "changes": ["a.py"], "risk": "high", "on_reject": "cancel"}


def answered(*approvals: dict[str, Any], **asked: Any) -> models.Decision:
    """What asking comes to when the server lists these."""
    call = asking.approval("a", "deploy", **(ASKED | asked), token="t")
    assert (call.method, call.path) == ("GET", "/runs/a/approvals")
    assert dict(call.query) == {"name": "deploy"}
    assert dict(call.headers) == {"X-Runyard-Lease": "t"}
    return call.read(msgspec.json.encode({"data": approvals, "next_cursor": None}))


@pytest.mark.parametrize(("state", "approved"), [("approved", True), ("rejected", False)])
def test_a_decision_is_answered(state: str, approved: bool) -> None:
    one = {"id": "1", "run_id": "a", "name": "deploy", "state": state, "comment": "so", "decided_by": "key:x"}
    assert answered(one) == models.Decision(approved=approved, comment="so", by="key:x")


@pytest.mark.parametrize("before", [[], [{"id": "1", "run_id": "a", "name": "deploy", "state": "canceled"}]])
def test_without_a_decision_the_run_parks_with_its_question(before: list[dict[str, Any]]) -> None:
    with pytest.raises(Park) as parked:
        answered(*before, timeout_seconds=5.0)
    park = parked.value
    assert (str(park), park.timeout_seconds, park.event) == ("Waits for the approval 'deploy'.", 5.0, None)
    assert park.approval == models.ApprovalAsk(
        name="deploy", action="Deploy", changes=["a.py"], risk="high", on_reject="cancel"
    )
