"""SQL of approvals."""

from __future__ import annotations

from collections.abc import Sequence

from runyard.domain.approvals import Approval, ApprovalState, Risk
from runyard.storage.port import Insert, Row, Tx

FIELDS: tuple[str, ...] = Approval.__struct_fields__
COLUMNS = ", ".join(FIELDS)
_NUMBERS = {"project_id", "requested_at", "decided_at", "expires_at"}
ADD = Insert(
    "approvals",
    {name: "bigint" if name in _NUMBERS else "text" for name in FIELDS},
    # Only one that was canceled may be asked for once more under its name.
    "ON CONFLICT (run_id, name) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in FIELDS if name not in {"run_id", "name"})
    + " WHERE approvals.state = 'canceled'",
)
GET = f"SELECT {COLUMNS} FROM approvals WHERE id = :id"
OF_RUNS = f"SELECT {COLUMNS} FROM approvals WHERE run_id {{among ids}} ORDER BY id"
NAMED = f"SELECT {COLUMNS} FROM approvals WHERE run_id {{among ids}} AND name {{among names}}"
PENDING = f"SELECT {COLUMNS} FROM approvals WHERE run_id {{among ids}} AND state = 'pending' ORDER BY id"
COUNT = "SELECT run_id, COUNT(*) FROM approvals WHERE run_id {among ids} GROUP BY run_id"
CANCEL = "UPDATE approvals SET state = 'canceled', decided_at = :now WHERE run_id {among ids} AND state = 'pending'"
DECIDE = (
    "UPDATE approvals SET state = :state, comment = :comment, decided_by = :decided_by, decided_at = :now "
    "WHERE id {among ids} AND state = 'pending'"
)
_PAGE = (
    f"SELECT * FROM (SELECT {COLUMNS} FROM approvals WHERE project_id = :project_id AND state = '#' "
    "AND id < :before ORDER BY id DESC LIMIT :n) AS # "
)


def from_row(row: Row) -> Approval:
    """A row in the order of `FIELDS` as a record."""
    fields = dict(zip(FIELDS, row, strict=True))
    fields["state"] = ApprovalState(fields["state"])
    fields["risk"] = Risk(fields["risk"])
    return Approval(**fields)


def add(tx: Tx, approvals: Sequence[Approval]) -> None:
    """Add approvals, each in the place of a canceled one of its name."""
    rows = [tuple(getattr(one, name) for name in FIELDS) for one in approvals]
    tx.insert(
        ADD, [tuple(str(value) if isinstance(value, (ApprovalState, Risk)) else value for value in r) for r in rows]
    )


def get(tx: Tx, approval_id: str) -> Approval | None:
    """The approval of that id."""
    row = tx.row(GET, id=approval_id)
    return from_row(row) if row else None


def of_runs(tx: Tx, run_ids: Sequence[str]) -> list[Approval]:
    """All approvals of these runs, oldest first."""
    return [from_row(row) for row in tx.rows(OF_RUNS, ids=list(run_ids))]


def named(tx: Tx, run_ids: Sequence[str], names: Sequence[str]) -> dict[tuple[str, str], Approval]:
    """The approvals of these runs of these names, by run and name."""
    rows = tx.rows(NAMED, ids=sorted(set(run_ids)), names=sorted(set(names)))
    return {(one.run_id, one.name): one for one in map(from_row, rows)}


def pending(tx: Tx, run_ids: Sequence[str]) -> list[Approval]:
    """What these runs wait for."""
    return [from_row(row) for row in tx.rows(PENDING, ids=list(run_ids))] if run_ids else []


def count(tx: Tx, run_ids: Sequence[str]) -> dict[str, int]:
    """How many approvals each of the runs asked for; runs without any are absent."""
    return {row[0]: row[1] for row in tx.rows(COUNT, ids=list(run_ids))}


def cancel(tx: Tx, run_ids: Sequence[str]) -> None:
    """Close what these runs wait for no longer."""
    tx.run(CANCEL, ids=sorted(set(run_ids)), now=tx.now)


def decide(tx: Tx, ids: Sequence[str], state: ApprovalState, *, comment: str | None, by: str | None) -> None:
    """Note what was said to pending approvals."""
    tx.run(DECIDE, ids=list(ids), state=state.value, comment=comment, decided_by=by, now=tx.now)


def page_text(states: Sequence[ApprovalState]) -> str:
    """The query of `page`."""
    branches = " UNION ALL ".join(_PAGE.replace("#", state.value) for state in states)
    return f"SELECT * FROM ({branches}) AS approvals ORDER BY id DESC LIMIT :n"


def page(tx: Tx, project_id: int, states: Sequence[ApprovalState], *, before: str, n: int) -> list[Approval]:
    """Approvals in these states below an id, newest first; by the index `approvals_project`."""
    rows = tx.rows(page_text(states), project_id=project_id, before=before, n=n)
    return [from_row(row) for row in rows]
