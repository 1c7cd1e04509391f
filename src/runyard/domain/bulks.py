"""Bulk actions: one verb for many runs."""

from __future__ import annotations

from typing import Literal

import msgspec

from runyard.domain.records import Json
from runyard.domain.states import ENDED, RESOLVABLE, RUN_MOVES, RunState

Action = Literal["cancel", "replay", "requeue", "discard", "resolve", "retry", "cancel_below"]
"""`cancel_below` is what is left of a cancellation whose run has very many below it; nobody asks for it by name."""
BulkState = Literal["counting", "running", "finished", "canceled"]


class Bulk(msgspec.Struct, frozen=True, kw_only=True):
    """One verb for many runs, and how far it is."""

    id: str
    project_id: int
    action: Action
    state: BulkState
    selection: Json
    position: str | None
    """Where the next slice begins."""
    total: int
    """How many runs are meant; grows while it is counted."""
    done: int
    failed: int
    errors: Json
    """The first failures."""
    dry_run: bool
    """Whether the runs are counted and nothing is done."""
    reason: str | None
    created_by: str | None
    created_at: int
    updated_at: int
    finished_at: int | None


def _leaving_by(verb: str) -> frozenset[RunState]:
    return frozenset(state for state, leaving in RUN_MOVES if leaving == verb)


APPLIES_TO: dict[Action, frozenset[RunState]] = {
    "cancel": _leaving_by("cancel"),
    "requeue": _leaving_by("requeue"),
    "discard": _leaving_by("discard"),
    "resolve": RESOLVABLE,
    "replay": ENDED | {RunState.NEEDS_ATTENTION},
    "retry": ENDED,
}
"""The states in which a run can be acted upon."""
