"""SQL of what agents in sandboxes ask leave for."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.domain.approvals import ApprovalState
from runyard.domain.records import Json
from runyard.storage.port import Insert, Tx


class Permission(msgspec.Struct, frozen=True, kw_only=True):
    """A question of an agent: which approval stands for it, and what may be answered (a JSON array of options)."""

    approval_id: str
    project_id: int
    run_id: str
    request: str
    options: Json
    answered_at: int | None = None


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """A question whose approval was decided, while the agent does not know it yet."""

    approval_id: str
    run_id: str
    request: str
    options: Json
    state: ApprovalState
    comment: str | None


FIELDS: tuple[str, ...] = Permission.__struct_fields__
_NUMBERS = {"project_id", "answered_at"}
ADD = Insert(
    "permissions",
    {name: "bigint" if name in _NUMBERS else "text" for name in FIELDS},
    "ON CONFLICT (approval_id) DO NOTHING",
)
# By the index `permissions_run`, of at most a hundred rows, and approvals by their key.
DECIDED = (
    "SELECT p.approval_id, p.run_id, p.request, p.options, a.state, a.comment FROM permissions p "
    "JOIN approvals a ON a.id = p.approval_id WHERE p.run_id {among ids} AND p.answered_at IS NULL "
    "AND a.state IN ('approved', 'rejected') ORDER BY p.approval_id"
)
OPEN = "SELECT approval_id, options FROM permissions WHERE run_id = :run_id AND request = :request"
ANSWERED = "UPDATE permissions SET answered_at = :now WHERE approval_id {among ids} AND answered_at IS NULL"


def add(tx: Tx, rows: Sequence[Permission]) -> None:
    """Add questions; one that is there already stays."""
    tx.insert(ADD, [msgspec.structs.astuple(row) for row in rows])


def decided(tx: Tx, run_ids: Sequence[str]) -> list[Decided]:
    """What was decided for agents of these runs that they do not know yet, oldest first."""
    names = Decided.__struct_fields__
    rows = tx.rows(DECIDED, ids=list(run_ids)) if run_ids else []
    return [Decided(**dict(zip(names, (*row[:4], ApprovalState(row[4]), row[5]), strict=True))) for row in rows]


def find(tx: Tx, run_id: str, request: str) -> list[tuple[str, Json]]:
    """The approvals that stand for this question of the run, with its options."""
    return [(row[0], row[1]) for row in tx.rows(OPEN, run_id=run_id, request=request)]


def answered(tx: Tx, approval_ids: Sequence[str]) -> None:
    """Note that the agent knows what was decided."""
    if approval_ids:
        tx.run(ANSWERED, ids=list(approval_ids), now=tx.now)
