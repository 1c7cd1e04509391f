"""Records for tests of pure code."""

from __future__ import annotations

from typing import Any

import msgspec

from runyard.domain.policy import Policy
from runyard.domain.records import Run, Waiting
from runyard.domain.states import ENDED, LEASED, RunState


def a_run(**changes: Any) -> Run:
    """A run whose fields fit its state, and with these changes."""
    state = changes.get("state", RunState.QUEUED)
    values: dict[str, Any] = {
        field.name: 0 if field.type is int else "text" if field.type is str else None
        for field in msgspec.structs.fields(Run)
    }
    values |= {"id": "run-1", "project_id": 1, "state": state, "policy": Policy(), "payload": "null", "attempt": 1}
    if state not in {RunState.DRAFT, RunState.SCHEDULED}:
        values["queued_at"] = 1
    if state in LEASED:
        values |= {
            "epoch": 1,
            "lease_hash": "hash",
            "lease_until": 100,
            "claimed_at": 2,
            "heartbeat_at": 2,
            "worker": "w",
        }
    if state is RunState.WAITING:
        values["waiting_for"] = Waiting(kind="children")
    if state in ENDED:
        values["finished_at"] = 3
    return Run(**(values | changes))
