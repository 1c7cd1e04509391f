"""Approvals: what runs ask people for, and what those say."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from runyard.dialects.native.wire.values import Name, Seconds

Risk = Literal["low", "medium", "high", "critical"]
OnReject = Literal["continue", "cancel"]
State = Literal["pending", "approved", "rejected", "canceled"]


class ApprovalAsk(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a run asks for, under a name it asks for once; a refusal lets it go on and tells it, or cancels it."""

    name: Name
    action: Annotated[str, Meta(min_length=1, max_length=500)]
    description: Annotated[str, Meta(max_length=10_000)] = ""
    risk: Risk = "medium"
    changes: Annotated[list[Annotated[str, Meta(max_length=2000)]], Meta(max_length=200)] = []
    """What would be changed."""
    on_reject: OnReject = "continue"


class ApprovalIn(ApprovalAsk, kw_only=True, omit_defaults=True):
    """A question under the lease of `token`; the run parks until it is decided, or rejected when the time is up."""

    timeout_seconds: Seconds | None = None
    token: str | None = None


class Approval(msgspec.Struct, kw_only=True):
    """What a run asked for, and the answer."""

    id: str
    run_id: str
    name: str
    state: State
    action: str
    description: str
    risk: Risk
    changes: list[str]
    on_reject: OnReject
    comment: str | None
    decided_by: str | None
    """The key that decided; None where time did."""
    requested_at: datetime
    decided_at: datetime | None
    expires_at: datetime | None
    """When it is rejected unless somebody decides before."""


class DecisionIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Yes or no, and what the run should know of it."""

    approved: bool
    comment: Annotated[str, Meta(max_length=10_000)] | None = None
