"""Jobs: named, versioned definitions of how to run something.

A surface gives its settings along, so that addresses and programs that are new in a definition are checked against
them; parts of the server that name none need not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from runyard.domain.errors import AlreadyExists, Conflict, DomainError, Invalid, NotFound
from runyard.domain.jobs import JobSpec, tag_pairs
from runyard.domain.records import Job, JobVersion
from runyard.engine import caps, environments, purges, schedules, specs
from runyard.engine.specs import spec_of
from runyard.settings import Settings
from runyard.storage.port import JournalLine, Tx
from runyard.storage.sql import BEYOND, FOREVER
from runyard.storage.statements import agents, classes, job_secrets
from runyard.storage.statements import jobs as sql

BATCH = 50
"""How many jobs one call makes, enables or disables."""
EXAMINED = 2000
"""How many jobs are looked at for one page of those with a tag."""
LOOK = 500
_json = msgspec.json.Encoder()


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Some jobs of a list by time, and the time and id to go on before; None at the end."""

    jobs: list[Job]
    more: tuple[int, str] | None


class NewJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job asked for."""

    name: str
    spec: JobSpec
    enabled: bool = True


def create(
    tx: Tx,
    project_id: int,
    *,
    name: str,
    spec: JobSpec,
    enabled: bool = True,
    actor: str | None = None,
    settings: Settings | None = None,
) -> Job:
    """Make a job. Raises `Invalid` for a definition that makes no sense, `AlreadyExists` for a name that is taken."""
    specs.check_name(name)
    _check(tx, project_id, None, spec, settings)
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
    schedules.plan(tx, job)
    return job


def create_each(
    tx: Tx,
    project_id: int,
    new: Sequence[NewJob | DomainError],
    *,
    actor: str | None = None,
    settings: Settings | None = None,
) -> list[Job | DomainError]:
    """Make each job by itself; in the place of one that is refused (or was already) stands why."""
    outcomes: list[Job | DomainError] = []
    for one in new:
        if isinstance(one, DomainError):
            outcomes.append(one)
            continue
        try:
            made = create(
                tx, project_id, name=one.name, spec=one.spec, enabled=one.enabled, actor=actor, settings=settings
            )
        except DomainError as refused:
            outcomes.append(refused)
        else:
            outcomes.append(made)
    return outcomes


def clone(
    tx: Tx,
    project_id: int,
    wanted: str,
    *,
    name: str,
    title: str | None = None,
    actor: str | None = None,
) -> Job:
    """Make a job like another, with its secrets, as version 1; that of an agent makes none. Raises as they do."""
    source = get(tx, project_id, wanted)
    spec = msgspec.structs.replace(spec_of(source), agent=None)
    made = create(
        tx,
        project_id,
        name=name,
        spec=spec if title is None else msgspec.structs.replace(spec, title=title),
        enabled=source.enabled,
        actor=actor,
    )
    job_secrets.copy(tx, source.id, made.id)
    return made


def _check(tx: Tx, project_id: int, old: JobSpec | None, new: JobSpec, settings: Settings | None) -> None:
    specs.check(new)
    if settings is not None:
        specs.check_places(old, new, settings)
    if new.environment_id is not None and (old is None or new.environment_id != old.environment_id):
        environments.check(tx, project_id, new.environment_id)


def get(tx: Tx, project_id: int, wanted: str) -> Job:
    """The job of that name or id. Raises `NotFound`."""
    found = sql.by_name_or_id(tx, project_id, [wanted]) if "\0" not in wanted else {}
    if wanted not in found:
        raise NotFound(f"there is no job {wanted[:128]!r} in this project")
    return found[wanted]


def page(tx: Tx, project_id: int, *, before: str | None = None, limit: int = 50) -> list[Job]:
    """The project's jobs, newest first, from below the given id on."""
    return sql.page(tx, project_id, before=BEYOND if before is None else before, n=limit)


def page_by_time(
    tx: Tx,
    project_id: int,
    *,
    before: tuple[int, str] | None = None,
    limit: int = 50,
    tag: tuple[str, str | None] | None = None,
) -> Page:
    """The project's jobs made before that time (and id), newest first, with the tag (of any value, or of this one).

    Tags stand in definitions: at most `EXAMINED` jobs are looked at for one page, which may then be shorter than the
    list is long.
    """
    at, found, more = before or (FOREVER, BEYOND), list[Job](), False
    for _ in range(EXAMINED // LOOK):
        rows = sql.page_by_time(tx, project_id, before=at, n=limit + 1 if tag is None else LOOK)
        for job in rows:
            if tag is None or _has(job, *tag):
                if len(found) == limit:
                    return Page(jobs=found, more=at)
                found.append(job)
            at = (job.created_at, job.id)
        more = tag is not None and len(rows) == LOOK
        if not more:
            break
    return Page(jobs=found, more=at if more else None)


def _has(job: Job, tag: str, value: str | None) -> bool:
    tags = dict(tag_pairs(spec_of(job).tags))
    return tag in tags and value in {None, tags[tag]}


def version(tx: Tx, project_id: int, wanted: str, number: int) -> JobVersion:
    """The version of that number. Raises `NotFound` for the job or the version."""
    job = get(tx, project_id, wanted)
    found = sql.version(tx, job.id, number) if 0 < number <= job.version else None
    if found is None:
        raise NotFound(f"the job {job.name!r} has no such version")
    return found


def versions(
    tx: Tx,
    project_id: int,
    wanted: str,
    *,
    before: int | None = None,
    made_before: int | None = None,
    limit: int = 50,
) -> list[JobVersion]:
    """Every version the job ever had, newest first, from below the given number (and time) on. Raises `NotFound`."""
    job = get(tx, project_id, wanted)
    number, at = FOREVER if before is None else before, FOREVER if made_before is None else made_before
    return sql.versions(tx, job.id, before=number, made_before=at, n=limit)


def update(
    tx: Tx,
    project_id: int,
    wanted: str,
    *,
    spec: Mapping[str, Any] | None = None,
    policy: Mapping[str, Any] | None = None,
    change: Callable[[JobSpec], JobSpec] | None = None,
    name: str | None = None,
    enabled: bool | None = None,
    always: bool = False,
    actor: str | None = None,
    settings: Settings | None = None,
) -> Job:
    """Change fields of the job's definition (and of its policy), which makes a new version, or enable and disable it.

    `change` is pure and comes last; with `always` a new version is made whatever is changed. Runs made before keep the
    version they were made from unless their policy says otherwise; only limits act on them at once, as `caps` promises.
    Raises `NotFound`, `Invalid` when the whole would make no sense, `AlreadyExists` for a name that is taken, or
    `Conflict` for another name while runs that have not ended go by the one it has.
    """
    # Another name waits for whoever makes runs of the job, and they for it.
    job = _locked(tx, project_id, wanted, sql.lock_to_change if name is None else sql.lock)
    old = spec_of(job)
    new = msgspec.structs.replace(
        old, **{**(spec or {}), "policy": msgspec.structs.replace(old.policy, **(policy or {}))}
    )
    new = new if change is None else change(new)
    _check(tx, project_id, old, new, settings)
    after = msgspec.structs.replace(job, enabled=job.enabled if enabled is None else enabled)
    if name is not None and name != job.name:
        _check_rename(tx, job, name)
        after = msgspec.structs.replace(after, name=name)
    if new != old or after.name != job.name or always:
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
    schedules.plan(tx, after)
    return after


def _check_rename(tx: Tx, job: Job, name: str) -> None:
    specs.check_name(name)
    if name in sql.by_name_or_id(tx, job.project_id, [name]):
        raise AlreadyExists(f"there is a job {name!r} in this project already")
    if sql.is_busy(tx, job.id):
        raise Conflict(f"runs of the job {job.name!r} that have not ended go by that name; rename it when they have")


def enable(tx: Tx, project_id: int, ids: Sequence[str], *, enabled: bool, actor: str | None = None) -> int:
    """Enable or disable jobs; how many of the ids are jobs of this project. Raises `Invalid` for too many."""
    if len(ids) > BATCH:
        raise Invalid(f"at most {BATCH} jobs at a time")
    found = sql.lock_many(tx, project_id, [one for one in ids if "\0" not in one])
    changed = [
        msgspec.structs.replace(job, enabled=enabled, updated_at=tx.now) for job in found if job.enabled != enabled
    ]
    if changed:
        sql.enable(tx, [job.id for job in changed], enabled=enabled)
        classes.changed(tx)
        tx.wake(f"ready:{project_id}")
    for job in changed:
        _journal(tx, job, "job.updated", actor)
        schedules.plan(tx, job)
    return len(found)


def delete(tx: Tx, project_id: int, wanted: str, *, history: bool = False, actor: str | None = None) -> Job:
    """Drop the job and what is found by it; its ended runs stay and keep its name, or with `history` go too.

    What is much goes in slices (see `purges`). Raises `NotFound`, or `Conflict` while any of its runs has not ended
    (dead letters have).
    """
    job = _locked(tx, project_id, wanted, sql.lock)
    if sql.is_busy(tx, job.id):
        raise Conflict(f"the job {job.name!r} has runs that have not ended; cancel them or wait, then delete it")
    sql.delete(tx, job.id)
    agents.bury(tx, job.id)
    schedules.forget(tx, job.id)
    purges.forget_job(tx, project_id, job.id)
    if history:
        purges.begin(tx, project_id, job.id)
    _journal(tx, job, "job.deleted", actor)
    return job


def _locked(tx: Tx, project_id: int, wanted: str, lock: Callable[[Tx, str], Job | None]) -> Job:
    job = lock(tx, get(tx, project_id, wanted).id)
    if job is None:
        raise NotFound(f"there is no job {wanted[:128]!r} in this project")
    return job


def _keep_version(tx: Tx, job: Job, actor: str | None) -> None:
    sql.add_version(
        tx, JobVersion(job_id=job.id, version=job.version, spec=job.spec, created_at=tx.now, created_by=actor)
    )


def _journal(tx: Tx, job: Job, event: str, actor: str | None) -> None:
    data = {"job_id": job.id, "job": job.name, "version": job.version, "enabled": job.enabled}
    tx.emit(JournalLine(job.project_id, None, event, actor, _json.encode(data).decode()))
