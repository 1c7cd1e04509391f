"""Asking people: the decision if there is one, else the run parks until there is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from runyard.sdk import models
from runyard.sdk.call import Call
from runyard.sdk.calls import approvals
from runyard.sdk.fields import OnReject, Risk
from runyard.sdk.worker.outcomes import Park


def approval(
    run_id: str,
    name: str,
    *,
    action: str,
    description: str = "",
    risk: Risk = "medium",
    changes: Iterable[str] = (),
    timeout_seconds: float | None = None,
    on_reject: OnReject = "continue",
    token: str | None = None,
) -> Call[models.Decision]:
    """What people decided about something the run wants to do, asked under a name of its own in the run.

    While nobody decided it raises `Park`, which the handler must let pass: the run waits without holding a slot, and
    the handler is called anew after the decision. What nobody decides in time is rejected.
    """
    asked = models.ApprovalAsk(
        name=name, action=action, description=description, risk=risk, changes=[*changes], on_reject=on_reject
    )

    def decided(page: models.Page[models.Approval]) -> models.Decision:
        for one in page.data:
            if one.is_decided:
                return models.Decision(approved=one.state == "approved", comment=one.comment, by=one.decided_by)
        raise Park(timeout_seconds, approval=asked)

    look: Call[Any] = approvals.of_run(run_id, name=name, token=token)
    return replace(look, then=decided)
