"""Requests about approvals: look at what runs ask people for, and decide."""

from __future__ import annotations

from runyard.sdk import models
from runyard.sdk.call import Call, get, present, query, segment, send
from runyard.sdk.calls.leases import proof
from runyard.sdk.fields import ApprovalState


def list_all(*, state: ApprovalState | None = None, limit: int | None = None) -> Call[models.Page[models.Approval]]:
    """What runs of the project asked for, newest first."""
    return get("/approvals", models.Page[models.Approval], query(state=state, limit=limit))


def of_run(
    run_id: str, *, name: str | None = None, limit: int | None = None, token: str | None = None
) -> Call[models.Page[models.Approval]]:
    """What the run asked for, oldest first, perhaps under one name only."""
    return Call(
        method="GET",
        path=f"/runs/{segment(run_id)}/approvals",
        shape=models.Page[models.Approval],
        query=query(name=name, limit=limit),
        headers=proof(token),
    )


def read(approval_id: str) -> Call[models.Approval]:
    """One approval."""
    return get(f"/approvals/{segment(approval_id)}", models.Approval)


def approve(approval_id: str, *, comment: str | None = None) -> Call[models.Approval]:
    """Let the run do it; it goes on and reads the comment. Raises `Conflict` when it waits no longer."""
    return _decide(approval_id, True, comment)


def reject(approval_id: str, *, comment: str | None = None) -> Call[models.Approval]:
    """Refuse; the run goes on and learns of it, or is canceled where it asked so. Raises `Conflict`, as `approve`."""
    return _decide(approval_id, False, comment)


def _decide(approval_id: str, approved: bool, comment: str | None) -> Call[models.Approval]:
    body = {"approved": approved, **present(comment=comment)}
    return send("POST", f"/approvals/{segment(approval_id)}/decide", models.Approval, body)
