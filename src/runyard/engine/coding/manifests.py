"""Files of coding runs, as their manifests have them. The bytes are stored first, in the blob store.

Unlike other records of a run its manifest stays open after the end: what an agent made is often sent right around it.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.artifacts.port import Blob
from runyard.domain.actors import Doer
from runyard.domain.canonical import decoded
from runyard.domain.coding import RESUMED, CodingSeen, Entry, entry_id
from runyard.domain.errors import Invalid, NotFound
from runyard.domain.records import Json
from runyard.domain.uploads import path_of, sendable
from runyard.engine import artifacts
from runyard.engine.artifacts import ANY_TYPE, NewArtifact
from runyard.engine.coding import runs
from runyard.storage.port import Tx
from runyard.storage.statements import coding_runs as runs_sql
from runyard.storage.statements import manifests as sql

MOST = 1000
"""How many files one run may have."""
HOPS = 10
"""How many runs back a run may go on from."""


class NewFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file whose bytes are stored."""

    name: str
    kind: str
    blob: Blob
    source: str = ""
    content_type: str = ""
    """As it was said; '' when nothing was."""
    metadata: Json | None = None


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """A file with its id and its place in the manifest."""

    id: str
    path: str
    file: NewFile


def add(
    tx: Tx, project_id: int, task_id: str, run_id: str, folder: str, files: Sequence[NewFile], by: Doer
) -> tuple[Entry, ...]:
    """Attach files to the run, ended or not; its whole manifest, with these last.

    Raises `NotFound`, and `Invalid` when the run would have too many.
    """
    seen = runs.take(tx, project_id, task_id, run_id)
    before = of_run(tx, run_id)
    check_room(len(before) + len(files))
    taken = {one.path for one in before}
    placed: list[Placed] = []
    for file in files:
        new_id, path = place(tx, folder, file.name, taken)
        placed.append(Placed(id=new_id, path=path, file=file))
    return (*before, *attach(tx, seen, placed, by))


def place(tx: Tx, folder: str, name: str, taken: set[str]) -> tuple[str, str]:
    """An id for a file of this name and its path, which is taken with it. So little of an id may well come twice."""
    while True:
        new_id = tx.new_id()
        path = path_of(folder, entry_id(new_id), name)
        if path not in taken:
            taken.add(path)
            return new_id, path


def check_room(count: int) -> None:
    """Raise `Invalid` when a run cannot have so many files."""
    if count > MOST:
        raise Invalid(f"the run would have {count} files; it may have {MOST}")


def attach(tx: Tx, seen: CodingSeen, placed: Sequence[Placed], by: Doer) -> list[Entry]:
    """Attach files to a run that is locked; their entries."""
    run = seen.run
    new = [
        NewArtifact(
            id=one.id,
            name=one.file.name,
            blob=one.file.blob,
            content_type=sendable(one.file.content_type, ANY_TYPE),
        )
        for one in placed
    ]
    made = artifacts.keep(tx, run.project_id, run.id, new, str(by.actor))
    entries = [
        Entry(
            artifact_id=artifact.id,
            name=artifact.name,
            kind=one.file.kind,
            source=one.file.source,
            content_type=one.file.content_type,
            size=artifact.size,
            sha256=artifact.sha256,
            path=one.path,
            metadata=one.file.metadata,
            at=artifact.at,
        )
        for one, artifact in zip(placed, made, strict=True)
    ]
    sql.add(tx, run.project_id, run.id, entries)
    runs_sql.save(tx, [msgspec.structs.replace(seen.row, updated_at=tx.now)])
    return entries


def of_run(tx: Tx, run_id: str) -> tuple[Entry, ...]:
    """The run's manifest, oldest entry first."""
    return sql.of_runs(tx, [run_id]).get(run_id, ())


def at_path(tx: Tx, project_id: int, task_id: str, run_id: str, path: str, *, hops: int = 0) -> Entry | None:
    """The entry with this path in the run's manifest, or else in that of one of the runs it goes on from.

    Raises `NotFound` when there is no such run.
    """
    seen = runs.find(tx, project_id, task_id, run_id)
    found, passed = sql.at_path(tx, run_id, path), {run_id}
    # Each run says only by itself which it goes on from.
    while found is None and len(passed) <= hops:
        before = decoded(seen.row.state).get(RESUMED)
        if not isinstance(before, str) or before.lower() in passed:
            return None
        try:
            seen = runs.find(tx, project_id, task_id, before.lower())
        except NotFound:
            return None
        passed.add(seen.run.id)
        found = sql.at_path(tx, seen.run.id, path)
    return found


def one(tx: Tx, project_id: int, artifact_id: str) -> Entry:
    """One entry of any manifest of the project. Raises `NotFound`."""
    found = sql.one(tx, project_id, artifact_id)
    if found is None:
        raise NotFound("the file is gone with its run")
    return found
