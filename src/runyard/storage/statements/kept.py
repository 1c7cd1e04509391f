"""SQL of what agents remember of tasks."""

from __future__ import annotations

from msgspec.structs import astuple

from runyard.domain.uploads import Kept
from runyard.storage.port import Insert, Tx

FIELDS: tuple[str, ...] = Kept.__struct_fields__
_TEXTS = {"task_id", "run_id", "sha256"}
ADD = Insert(
    "transcripts_kept",
    {name: "text" if name in _TEXTS else "bigint" for name in FIELDS},
    "ON CONFLICT (task_id) DO NOTHING",
)
GET = f"SELECT {', '.join(FIELDS)} FROM transcripts_kept WHERE task_id = :task_id"
REPLACE = (
    "UPDATE transcripts_kept SET run_id = :run_id, sha256 = :sha256, size = :size, updated_at = :now "
    "WHERE task_id = :task_id AND sha256 = :before"
)


def get(tx: Tx, task_id: str) -> Kept | None:
    """What is kept of the task."""
    row = tx.row(GET, task_id=task_id)
    return Kept(*row) if row is not None else None


def add(tx: Tx, kept: Kept) -> bool:
    """Keep the first of the task; False when something is kept already."""
    return tx.insert_counted(ADD, [astuple(kept)]) == 1


def replace(tx: Tx, kept: Kept, *, before: str) -> bool:
    """Put it in the place of what has that hash; False when something else is kept."""
    return (
        tx.run(
            REPLACE,
            task_id=kept.task_id,
            run_id=kept.run_id,
            sha256=kept.sha256,
            size=kept.size,
            now=kept.updated_at,
            before=before,
        )
        == 1
    )
