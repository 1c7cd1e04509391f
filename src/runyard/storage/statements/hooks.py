"""SQL of deliveries of code hosts."""

from __future__ import annotations

import msgspec

from runyard.domain.records import Json
from runyard.storage.port import Insert, Row, Tx


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that came, and what was made of it."""

    repository_id: str
    delivery: str
    project_id: int
    event: str
    outcome: Json
    at: int


FIELDS: tuple[str, ...] = Receipt.__struct_fields__
COLUMNS = ", ".join(FIELDS)
_NUMBERS = {"project_id", "at"}
ADD = Insert("hook_receipts", {name: "bigint" if name in _NUMBERS else "text" for name in FIELDS})
FIND = f"SELECT {COLUMNS} FROM hook_receipts WHERE repository_id = :repository_id AND delivery = :delivery"
PAGE = (  # by the index hook_receipts_order
    f"SELECT {COLUMNS} FROM hook_receipts WHERE repository_id = :repository_id AND (at, delivery) < (:at, :delivery) "
    "ORDER BY at DESC, delivery DESC LIMIT :n"
)
PRUNE = (
    "DELETE FROM hook_receipts WHERE (repository_id, delivery) IN "
    "(SELECT repository_id, delivery FROM hook_receipts WHERE at < :before ORDER BY at LIMIT :n)"
)
LISTENING = (  # by the index agents_repository
    "SELECT job_id FROM agents WHERE repository_id = :repository_id AND deleted_at IS NULL AND state = 'deployed' "
    "ORDER BY job_id LIMIT :n"
)


def add(tx: Tx, receipt: Receipt) -> None:
    """Keep a receipt."""
    tx.insert(ADD, [tuple(getattr(receipt, name) for name in FIELDS)])


def find(tx: Tx, repository_id: str, delivery: str) -> Receipt | None:
    """The receipt of a delivery, if it came already."""
    row = tx.row(FIND, repository_id=repository_id, delivery=delivery)
    return None if row is None else _from_row(row)


def page(tx: Tx, repository_id: str, *, before: tuple[int, str], n: int) -> list[Receipt]:
    """Receipts before a time and id, newest first."""
    at, delivery = before
    rows = tx.rows(PAGE, repository_id=repository_id, at=at, delivery=delivery, n=n)
    return [_from_row(row) for row in rows]


def prune(tx: Tx, before: int, n: int) -> int:
    """Drop the oldest receipts from before a time; how many went."""
    return tx.run(PRUNE, before=before, n=n)


def listening(tx: Tx, repository_id: str, n: int) -> list[str]:
    """The ids of deployed agents of the repository."""
    return [row[0] for row in tx.rows(LISTENING, repository_id=repository_id, n=n)]


def _from_row(row: Row) -> Receipt:
    return Receipt(**dict(zip(FIELDS, row, strict=True)))
