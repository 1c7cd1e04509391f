"""Secrets of jobs: kept sealed, handed to executors only, never answered.

Whoever hands a secret in seals it first, for `PURPOSE`; here nobody can open one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from runyard.domain.errors import Invalid, NotFound
from runyard.domain.records import Job
from runyard.engine import jobs
from runyard.engine.environments import check_name
from runyard.storage.port import JournalLine, Tx
from runyard.storage.statements import job_secrets as sql

PURPOSE = "job secret"
"""What the vault seals them for."""
SIGNING = "signing secret"
"""What it seals the secrets in definitions for, which sign requests to endpoints and messages to webhooks."""
MOST = 100


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """A secret as it may be shown: without its value."""

    name: str
    updated_at: int


def put(tx: Tx, project_id: int, wanted: str, name: str, sealed: str, *, actor: str | None = None) -> Named:
    """Keep a sealed secret of the job, over the one of that name. Raises `NotFound` or `Invalid`."""
    check_name(name)
    job = jobs.get(tx, project_id, wanted)
    known = {one for one, _ in sql.names(tx, job.id, MOST)}
    if name not in known and len(known) >= MOST:
        raise Invalid(f"a job has at most {MOST} secrets")
    sql.put(tx, job.id, name, sealed)
    _journal(tx, job, "job.secret_set", name, actor)
    return Named(name=name, updated_at=tx.now)


def remove(tx: Tx, project_id: int, wanted: str, name: str, *, actor: str | None = None) -> None:
    """Forget a secret. Raises `NotFound` for the job or the secret."""
    job = jobs.get(tx, project_id, wanted)
    if "\0" in name or not sql.drop(tx, job.id, name):
        raise NotFound(f"the job {job.name!r} has no secret {name[:128]!r}")
    _journal(tx, job, "job.secret_removed", name, actor)


def names(tx: Tx, project_id: int, wanted: str) -> list[Named]:
    """The job's secrets by name. Raises `NotFound`."""
    found = sql.names(tx, jobs.get(tx, project_id, wanted).id, MOST)
    return [Named(name=name, updated_at=updated_at) for name, updated_at in found]


def secrets(tx: Tx, job_ids: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
    """The sealed secrets of each of the jobs that has any, by name."""
    return sql.of_jobs(tx, job_ids)


def _journal(tx: Tx, job: Job, event: str, name: str, actor: str | None) -> None:
    data = {"job_id": job.id, "job": job.name, "name": name}
    tx.emit(JournalLine(job.project_id, None, event, actor, msgspec.json.encode(data).decode()))
