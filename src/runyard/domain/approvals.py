"""Approvals: what runs ask people for before they do it, and what those said. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

from runyard.domain.records import Json, Run
from runyard.domain.states import RunState

OnReject = Literal["continue", "cancel"]
"""What a refusal does to the run: it goes on and learns of it, or it is canceled."""


class ApprovalState(StrEnum):
    """Where an approval stands."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    CANCELED = "canceled"


DECIDED = frozenset({ApprovalState.APPROVED, ApprovalState.REJECTED})


class Risk(StrEnum):
    """How much may go wrong, in the words of who asks."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """Something a run asked for under a name, once in its life, and the answer."""

    id: str
    project_id: int
    run_id: str
    name: str
    state: ApprovalState
    action: str
    description: str
    risk: Risk
    changes: Json
    """What would be changed, as a JSON array of texts."""
    on_reject: OnReject
    comment: str | None
    decided_by: str | None
    requested_at: int
    decided_at: int | None
    expires_at: int | None
    """When it is rejected unless somebody decides before."""

    @property
    def is_decided(self) -> bool:
        """Whether somebody, or time, said yes or no."""
        return self.state in DECIDED


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody says to an approval."""

    approved: bool
    comment: str | None = None
    actor: str | None = None


UNDECIDED = "nobody decided in time"
"""The comment of an approval that time rejected."""


def is_asked(run: Run) -> bool:
    """Whether the run stands still until somebody decides; not while it is paused."""
    return run.state is RunState.WAITING and run.waiting_for is not None and run.waiting_for.kind == "decision"
