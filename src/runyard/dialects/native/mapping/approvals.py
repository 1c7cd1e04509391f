"""Approvals."""

from __future__ import annotations

from typing import Any

import msgspec

from runyard.dialects.native.mapping.values import maybe_when, when
from runyard.dialects.native.wire import approvals as wire
from runyard.domain import approvals
from runyard.domain.approvals import Risk
from runyard.engine.approvals import Asked

_texts = msgspec.json.Decoder(list[str]).decode


def ask_in(data: wire.ApprovalAsk) -> dict[str, Any]:
    """What is asked, in the engine's words."""
    return {
        "name": data.name,
        "action": data.action,
        "description": data.description,
        "risk": Risk(data.risk),
        "changes": tuple(data.changes),
        "on_reject": data.on_reject,
    }


def approval_out(one: approvals.Approval) -> wire.Approval:
    """An approval."""
    return wire.Approval(
        id=one.id,
        run_id=one.run_id,
        name=one.name,
        state=one.state.value,
        action=one.action,
        description=one.description,
        risk=one.risk.value,
        changes=_texts(one.changes),
        on_reject=one.on_reject,
        comment=one.comment,
        decided_by=one.decided_by,
        requested_at=when(one.requested_at),
        decided_at=maybe_when(one.decided_at),
        expires_at=maybe_when(one.expires_at),
    )


def asked_out(asked: Asked) -> wire.Approval:
    """The approval of one that asked or decided."""
    return approval_out(asked.approval)
