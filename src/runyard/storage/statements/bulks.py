"""SQL of bulk actions."""

from __future__ import annotations

from runyard.domain.bulks import Bulk
from runyard.storage.port import Insert, Row, Tx

FIELDS = Bulk.__struct_fields__
COLUMNS = ", ".join(FIELDS)
_INTEGERS = {"project_id", "total", "done", "failed", "dry_run", "created_at", "updated_at", "finished_at"}
INSERT = Insert("bulks", {name: "bigint" if name in _INTEGERS else "text" for name in FIELDS})
GET = f"SELECT {COLUMNS} FROM bulks WHERE project_id = :project_id AND id = :id"
LOCK = f"{GET} {{lock}}"
# The one that has waited longest, so that a large one does not keep small ones waiting.
OPEN = f"SELECT {COLUMNS} FROM bulks WHERE finished_at IS NULL ORDER BY updated_at, id LIMIT 1 {{skip_locked}}"
SAVE = (
    "UPDATE bulks SET state = :state, selection = :selection, position = :position, total = :total, done = :done, "
    "failed = :failed, errors = :errors, updated_at = :updated_at, finished_at = :finished_at WHERE id = :id"
)
PAGE = f"SELECT {COLUMNS} FROM bulks WHERE project_id = :project_id AND id < :before ORDER BY id DESC LIMIT :n"


def insert(tx: Tx, bulk: Bulk) -> None:
    """Add a bulk action."""
    row = [getattr(bulk, name) for name in FIELDS]
    tx.insert(INSERT, [tuple(int(value) if isinstance(value, bool) else value for value in row)])


def get(tx: Tx, project_id: int, bulk_id: str, *, lock: bool = False) -> Bulk | None:
    """The project's bulk action of that id."""
    row = tx.row(LOCK if lock else GET, project_id=project_id, id=bulk_id)
    return _from_row(row) if row is not None else None


def next_open(tx: Tx) -> Bulk | None:
    """The bulk action to go on with, locked."""
    row = tx.row(OPEN)
    return _from_row(row) if row is not None else None


def save(tx: Tx, bulk: Bulk) -> None:
    """Write what may change of a bulk action."""
    tx.run(
        SAVE,
        id=bulk.id,
        state=bulk.state,
        selection=bulk.selection,
        position=bulk.position,
        total=bulk.total,
        done=bulk.done,
        failed=bulk.failed,
        errors=bulk.errors,
        updated_at=bulk.updated_at,
        finished_at=bulk.finished_at,
    )


def page(tx: Tx, project_id: int, *, before: str, n: int) -> list[Bulk]:
    """Bulk actions below an id, newest first."""
    return [_from_row(row) for row in tx.rows(PAGE, project_id=project_id, before=before, n=n)]


def _from_row(row: Row) -> Bulk:
    fields = dict(zip(FIELDS, row, strict=True))
    fields["dry_run"] = bool(fields["dry_run"])
    return Bulk(**fields)
