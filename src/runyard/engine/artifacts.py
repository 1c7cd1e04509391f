"""Files of runs. The bytes are stored first, in the blob store; the row that names them makes them an artifact."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.artifacts.port import Blob
from runyard.domain.errors import Invalid, NotFound
from runyard.domain.slices import Slice
from runyard.domain.traces import Artifact
from runyard.engine import fences, runs, sizes
from runyard.engine.fences import Writer
from runyard.storage.port import JournalLine, Tx
from runyard.storage.statements import artifacts as sql

ANY_TYPE = "application/octet-stream"
_json = msgspec.json.Encoder()


class NewArtifact(msgspec.Struct, frozen=True, kw_only=True):
    """A name for bytes that were stored."""

    name: str
    blob: Blob
    content_type: str = ANY_TYPE
    id: str | None = None
    """The id that it was promised, where it was."""


def check(tx: Tx, writer: Writer, name: str, content_type: str = ANY_TYPE) -> int:
    """The project an artifact would be of, before its bytes are taken; for reading. Raises what `add` raises."""
    _check_names(name, content_type)
    return fences.check(tx, writer).project_id


def _check_names(name: str, content_type: str) -> None:
    sizes.plain("the artifact's name", name, longest=512, shortest=1)
    sizes.plain("the content type", content_type, longest=255, shortest=1)
    if not name.isprintable():
        raise Invalid("the artifact's name holds control characters")
    if not (content_type.isascii() and content_type.isprintable()):
        raise Invalid("the content type must be printable ASCII")


def add(tx: Tx, writer: Writer, new: NewArtifact) -> Artifact:
    """Make stored bytes an artifact of the run. Raises `NotFound`, `LeaseLost`, `Conflict`, `Invalid`."""
    _check_names(new.name, new.content_type)
    run = fences.open_for(tx, writer)
    (made,) = keep(tx, run.project_id, run.id, [new], writer.actor)
    return made


def keep(tx: Tx, project_id: int, run_id: str, new: Sequence[NewArtifact], actor: str | None) -> list[Artifact]:
    """Make stored bytes artifacts of a run that the caller has locked, under names that the caller has checked."""
    made = [
        Artifact(
            id=one.id or tx.new_id(),
            project_id=project_id,
            run_id=run_id,
            name=one.name,
            content_type=one.content_type,
            size=one.blob.size,
            sha256=one.blob.sha256,
            at=tx.now,
        )
        for one in new
    ]
    sql.add(tx, made)
    for one in made:
        said = {"id": one.id, "name": one.name, "size": one.size}
        tx.emit(JournalLine(project_id, run_id, "run.artifact_added", actor, _json.encode(said).decode()))
    return made


def get(tx: Tx, project_id: int, run_id: str, artifact_id: str) -> Artifact:
    """One artifact. Raises `NotFound`."""
    runs.find(tx, project_id, run_id)
    found = None if "\0" in artifact_id else sql.get(tx, run_id, artifact_id)
    if found is None:
        raise NotFound(f"the run has no artifact {artifact_id}")
    return found


def of_run(tx: Tx, project_id: int, run_id: str, *, after: str = "", limit: int = 50) -> Slice[Artifact, str]:
    """The run's artifacts, oldest first. Raises `NotFound`."""
    runs.find(tx, project_id, run_id)
    rows = sql.of_run(tx, run_id, after=after, n=limit + 1)
    return Slice(rows=rows[:limit], more=rows[limit - 1].id if len(rows) > limit else None)


def unused(tx: Tx, project_id: int, hashes: Sequence[str]) -> list[str]:
    """The contents that nothing of the project refers to."""
    used = sql.in_use(tx, project_id, hashes)
    return sorted(set(hashes) - used)
