"""Jobs: named, versioned definitions of how to run something."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from runyard.domain.errors import AlreadyExists, Conflict, NotFound
from runyard.domain.jobs import JobSpec
from runyard.domain.records import Job, JobVersion
from runyard.engine import caps, specs
from runyard.engine.specs import spec_of
from runyard.storage.port import JournalLine, Tx
from runyard.storage.statements import classes
from runyard.storage.statements import jobs as sql

_LAST = "\x7f"
"""Ranks behind every id."""
_json = msgspec.json.Encoder()


def create(tx: Tx, project_id: int, *, name: str, spec: JobSpec, enabled: bool = True, actor: str | None = None) -> Job:
    """Make a job. Raises `Invalid` for a definition that makes no sense, `AlreadyExists` for a name that is taken."""
    specs.check_name(name)
    specs.check(spec)
    taken = AlreadyExists(f"there is a job {name!r} in this project already")
    if name in sql.by_name_or_id(tx, project_id, [name]):
        raise taken
    job = Job(
        id=tx.new_id(),
        project_id=project_id,
        name=name,
        version=1,
        enabled=enabled,
        spec=_json.encode(spec).decode(),
        created_at=tx.now,
        updated_at=tx.now,
    )
    if not sql.insert(tx, job):
        raise taken
    _keep_version(tx, job, actor)
    _journal(tx, job, "job.created", actor)
    return job


def get(tx: Tx, project_id: int, wanted: str) -> Job:
    """The job of that name or id. Raises `NotFound`."""
    found = sql.by_name_or_id(tx, project_id, [wanted]) if "\0" not in wanted else {}
    if wanted not in found:
        raise NotFound(f"there is no job {wanted[:128]!r} in this project")
    return found[wanted]


def page(tx: Tx, project_id: int, *, before: str | None = None, limit: int = 50) -> list[Job]:
    """The project's jobs, newest first, from below the given id on."""
    return sql.page(tx, project_id, before=_LAST if before is None else before, n=limit)


def versions(tx: Tx, project_id: int, wanted: str, *, before: int | None = None, limit: int = 50) -> list[JobVersion]:
    """Every version the job ever had, newest first, from below the given number on. Raises `NotFound`."""
    job = get(tx, project_id, wanted)
    return sql.versions(tx, job.id, before=2**63 - 1 if before is None else before, n=limit)


def update(
    tx: Tx,
    project_id: int,
    wanted: str,
    *,
    spec: Mapping[str, Any] | None = None,
    policy: Mapping[str, Any] | None = None,
    enabled: bool | None = None,
    actor: str | None = None,
) -> Job:
    """Change fields of the job's definition (and of its policy), which makes a new version, or enable and disable it.

    Runs made before keep the version they were made from; only limits act on them at once, as `caps` promises.
    Raises `NotFound`, or `Invalid` when the whole would make no sense.
    """
    job = sql.lock(tx, get(tx, project_id, wanted).id)
    if job is None:
        raise NotFound(f"there is no job {wanted[:128]!r} in this project")
    old = spec_of(job)
    new = msgspec.structs.replace(
        old, **{**(spec or {}), "policy": msgspec.structs.replace(old.policy, **(policy or {}))}
    )
    specs.check(new)
    after = msgspec.structs.replace(job, enabled=job.enabled if enabled is None else enabled)
    if new != old:
        after = msgspec.structs.replace(after, version=job.version + 1, spec=_json.encode(new).decode())
    if after == job:
        return job
    after = msgspec.structs.replace(after, updated_at=tx.now)
    sql.save(tx, after)
    if after.enabled != job.enabled:
        classes.changed(tx)
        tx.wake(f"ready:{project_id}")
    if after.version != job.version:
        _keep_version(tx, after, actor)
    if caps.differ(old, new):
        caps.apply(tx, after, old)
    _journal(tx, after, "job.updated", actor)
    return after


def delete(tx: Tx, project_id: int, wanted: str, *, actor: str | None = None) -> Job:
    """Drop the job and its versions; its ended runs stay and keep its name.

    Raises `NotFound`, or `Conflict` while any of its runs has not ended (dead letters have).
    """
    job = sql.lock(tx, get(tx, project_id, wanted).id)
    if job is None:
        raise NotFound(f"there is no job {wanted[:128]!r} in this project")
    if sql.is_busy(tx, job.id):
        raise Conflict(f"the job {job.name!r} has runs that have not ended; cancel them or wait, then delete it")
    sql.delete(tx, job.id)
    caps.forget(tx, job)
    _journal(tx, job, "job.deleted", actor)
    return job


def _keep_version(tx: Tx, job: Job, actor: str | None) -> None:
    sql.add_version(
        tx, JobVersion(job_id=job.id, version=job.version, spec=job.spec, created_at=tx.now, created_by=actor)
    )


def _journal(tx: Tx, job: Job, event: str, actor: str | None) -> None:
    data = {"job_id": job.id, "job": job.name, "version": job.version, "enabled": job.enabled}
    tx.emit(JournalLine(job.project_id, None, event, actor, _json.encode(data).decode()))
