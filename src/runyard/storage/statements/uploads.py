"""SQL of uploads that were announced."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import astuple

from runyard.domain.uploads import Upload
from runyard.storage.port import Insert, Tx

FIELDS: tuple[str, ...] = Upload.__struct_fields__
_NUMBERS = {"project_id", "size", "expires_at", "received"}
_FROM = f"SELECT {', '.join(FIELDS)} FROM uploads"
ADD = Insert("uploads", {name: "bigint" if name in _NUMBERS else "text" for name in FIELDS})
GET = f"{_FROM} WHERE id = :id AND project_id = :project_id"
# Both by uploads_run.
AT_PATHS = f"{_FROM} WHERE run_id = :run_id AND path {{among paths}} ORDER BY id {{lock}}"
PATHS = "SELECT path FROM uploads WHERE run_id = :run_id"
RECEIVED = (
    "UPDATE uploads SET sha256 = :sha256, received = :size, expires_at = :until "
    "WHERE id = :id AND project_id = :project_id"
)
DELETE = "DELETE FROM uploads WHERE id {among ids}"
# By uploads_expiry.
EXPIRED = "SELECT id FROM uploads WHERE expires_at < :now ORDER BY expires_at LIMIT :n {skip_locked}"


def add(tx: Tx, uploads: Sequence[Upload]) -> None:
    """Add rows."""
    tx.insert(ADD, [astuple(one) for one in uploads])


def get(tx: Tx, project_id: int, upload_id: str) -> Upload | None:
    """One upload of the project."""
    row = tx.row(GET, id=upload_id, project_id=project_id)
    return Upload(*row) if row is not None else None


def at_paths(tx: Tx, run_id: str, paths: Sequence[str]) -> dict[str, Upload]:
    """The run's uploads of these paths, by path, locked until the commit."""
    return {one.path: one for one in (Upload(*row) for row in tx.rows(AT_PATHS, run_id=run_id, paths=list(paths)))}


def paths(tx: Tx, run_id: str) -> set[str]:
    """The paths of all uploads that the run waits for."""
    return {row[0] for row in tx.rows(PATHS, run_id=run_id)}


def received(tx: Tx, project_id: int, upload_id: str, *, sha256: str, size: int, until: int) -> bool:
    """Note that the bytes came; False when the upload is gone."""
    return tx.run(RECEIVED, id=upload_id, project_id=project_id, sha256=sha256, size=size, until=until) == 1


def delete(tx: Tx, ids: Sequence[str]) -> int:
    """Delete uploads; how many went."""
    return tx.run(DELETE, ids=sorted(ids)) if ids else 0


def expired(tx: Tx, n: int) -> list[str]:
    """The uploads that expired first, locked."""
    return [row[0] for row in tx.rows(EXPIRED, now=tx.now, n=n)]
