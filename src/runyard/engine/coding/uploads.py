"""Files of coding runs that come in two steps: announced, and attached once their bytes are there."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.artifacts.port import Blob
from runyard.domain.actors import Doer
from runyard.domain.coding import Entry, entry_id
from runyard.domain.errors import Invalid, NotFound
from runyard.domain.records import Json
from runyard.domain.uploads import LIFE, Upload
from runyard.engine.coding import manifests, runs
from runyard.engine.coding.manifests import NewFile, Placed
from runyard.storage.port import Tx
from runyard.storage.statements import uploads as sql

BATCH = 1000


class NewUpload(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is about to be uploaded."""

    name: str
    kind: str
    size: int
    source: str = ""
    content_type: str = ""
    metadata: Json | None = None


class Uploaded(msgspec.Struct, frozen=True, kw_only=True):
    """An upload that is to be attached, by the id of its entry and its path; None is as it was announced."""

    id: str
    path: str
    name: str
    kind: str
    limit: int
    """How many bytes such a file may have."""
    source: str | None = None
    content_type: str | None = None
    metadata: Json | None = None


def prepare(
    tx: Tx, project_id: int, task_id: str, run_id: str, folder: str, wanted: Sequence[NewUpload]
) -> list[Upload]:
    """Announce uploads to the run, ended or not. Raises `NotFound`, and `Invalid` when it would have too many files."""
    runs.take(tx, project_id, task_id, run_id)
    taken = {one.path for one in manifests.of_run(tx, run_id)} | sql.paths(tx, run_id)
    manifests.check_room(len(taken) + len(wanted))
    uploads = [_upload(tx, project_id, run_id, manifests.place(tx, folder, one.name, taken), one) for one in wanted]
    sql.add(tx, uploads)
    return uploads


def _upload(tx: Tx, project_id: int, run_id: str, place: tuple[str, str], wanted: NewUpload) -> Upload:
    new_id, path = place
    return Upload(
        id=new_id,
        project_id=project_id,
        run_id=run_id,
        name=wanted.name,
        kind=wanted.kind,
        source=wanted.source,
        content_type=wanted.content_type,
        size=wanted.size,
        path=path,
        metadata=wanted.metadata,
        expires_at=tx.now + LIFE,
        sha256=None,
        received=None,
    )


def find(tx: Tx, project_id: int, upload_id: str) -> Upload:
    """An upload that is waited for. Raises `NotFound`, also when it was attached or has expired."""
    found = sql.get(tx, project_id, upload_id)
    if found is None or found.expires_at <= tx.now:
        raise _gone()
    return found


def received(tx: Tx, project_id: int, upload_id: str, blob: Blob) -> None:
    """Note that the upload's bytes came, in the place of any that came before; from now on it may be attached.

    Raises `NotFound` when it is not waited for any more.
    """
    until = tx.now + LIFE
    if not sql.received(tx, project_id, upload_id, sha256=blob.sha256, size=blob.size, until=until):
        raise _gone()


def _gone() -> NotFound:
    return NotFound("this upload is not waited for any more; announce it again")


def attach(
    tx: Tx, project_id: int, task_id: str, run_id: str, folder: str, wanted: Sequence[Uploaded], by: Doer
) -> list[Entry]:
    """Attach uploads to the run they were announced to; their entries. Those attached already stay as they are.

    Raises `NotFound`, and `Invalid` when one of them was not announced, has expired, did not come or is too large.
    """
    seen = runs.take(tx, project_id, task_id, run_id)
    there = {one.path: one for one in manifests.of_run(tx, run_id)}
    waiting = sql.at_paths(tx, run_id, [one.path for one in wanted])
    fresh: dict[str, Placed] = {}
    for one in wanted:
        _check_path(one, folder)
        entry = there.get(one.path)
        if entry is not None and entry_id(entry.artifact_id) == one.id:
            continue
        fresh[one.path] = _placed(tx, one, waiting.get(one.path))
    made = manifests.attach(tx, seen, list(fresh.values()), by) if fresh else []
    sql.delete(tx, [one.id for one in fresh.values()])
    there |= {one.path: one for one in made}
    return [there[one.path] for one in wanted]


def _check_path(wanted: Uploaded, folder: str) -> None:
    if not wanted.path.startswith(f"{folder}/"):
        raise Invalid(f"{wanted.path[:120]!r} is not a path of this run; give the one the upload was announced with")
    if len(wanted.id) < 8 or not wanted.path.startswith(f"{folder}/{wanted.id[:8]}_"):
        raise Invalid(f"{wanted.path[:120]!r} is the path of another upload than {wanted.id[:32]!r}")


def _placed(tx: Tx, wanted: Uploaded, upload: Upload | None) -> Placed:
    if upload is None or entry_id(upload.id) != wanted.id or upload.expires_at <= tx.now:
        raise Invalid(f"no upload of {wanted.path[:120]!r} is waited for, or not any more; announce it again")
    if upload.sha256 is None or upload.received is None:
        raise Invalid(f"the bytes of {wanted.path[:120]!r} did not come yet; send them first")
    if upload.received > wanted.limit:
        raise Invalid(f"{wanted.path[:120]!r} has {upload.received} bytes; such a file may have {wanted.limit}")
    return Placed(
        id=upload.id,
        path=upload.path,
        file=NewFile(
            name=wanted.name,
            kind=wanted.kind,
            blob=Blob(sha256=upload.sha256, size=upload.received),
            source=upload.source if wanted.source is None else wanted.source,
            content_type=upload.content_type if wanted.content_type is None else wanted.content_type,
            metadata=upload.metadata if wanted.metadata is None else wanted.metadata,
        ),
    )


def prune(tx: Tx, limit: int = BATCH) -> int:
    """Forget uploads that expired; how many went. Their bytes go as all do that nothing refers to."""
    return sql.delete(tx, sql.expired(tx, limit))
