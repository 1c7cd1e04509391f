"""SQL of artifacts."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.domain.traces import Artifact
from runyard.storage.port import Insert, Tx

FIELDS = Artifact.__struct_fields__
COLUMNS = ", ".join(FIELDS)
ADD = Insert("artifacts", {name: "bigint" if name in {"project_id", "size", "at"} else "text" for name in FIELDS})
GET = f"SELECT {COLUMNS} FROM artifacts WHERE id = :id AND run_id = :run_id"
OF_RUN = f"SELECT {COLUMNS} FROM artifacts WHERE run_id = :run_id AND id > :after ORDER BY id LIMIT :n"
# By artifacts_content, uploads_content and transcripts_kept_content.
IN_USE = (
    "SELECT sha256 FROM artifacts WHERE project_id = :project_id AND sha256 {among hashes} "
    "UNION SELECT sha256 FROM uploads WHERE project_id = :project_id AND sha256 {among hashes} "
    "UNION SELECT sha256 FROM transcripts_kept WHERE project_id = :project_id AND sha256 {among hashes}"
)


def add(tx: Tx, artifacts: Sequence[Artifact]) -> None:
    """Add artifacts."""
    tx.insert(ADD, [msgspec.structs.astuple(artifact) for artifact in artifacts])


def get(tx: Tx, run_id: str, artifact_id: str) -> Artifact | None:
    """One artifact of the run, if there is one of the id."""
    row = tx.row(GET, id=artifact_id, run_id=run_id)
    return Artifact(**dict(zip(FIELDS, row, strict=True))) if row else None


def of_run(tx: Tx, run_id: str, *, after: str, n: int) -> list[Artifact]:
    """The run's artifacts, oldest first."""
    rows = tx.rows(OF_RUN, run_id=run_id, after=after, n=n)
    return [Artifact(**dict(zip(FIELDS, row, strict=True))) for row in rows]


def in_use(tx: Tx, project_id: int, hashes: Sequence[str]) -> set[str]:
    """Which of the contents anything of the project refers to."""
    return {row[0] for row in tx.rows(IN_USE, project_id=project_id, hashes=sorted(set(hashes)))}
