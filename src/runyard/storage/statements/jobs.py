"""SQL of jobs and their versions."""

from __future__ import annotations

from collections.abc import Sequence

from runyard.domain.records import Job, JobVersion
from runyard.storage.port import Insert, Row, Tx

FIELDS = Job.__struct_fields__
COLUMNS = ", ".join(FIELDS)
_TEXTS = {"id", "name", "spec"}
INSERT = Insert(
    "jobs",
    {name: "text" if name in _TEXTS else "bigint" for name in FIELDS},
    "ON CONFLICT (project_id, name) DO NOTHING",
)
BY_NAME = f"SELECT {COLUMNS} FROM jobs WHERE project_id = :project_id AND name {{among names}}"
BY_ID = f"SELECT {COLUMNS} FROM jobs WHERE project_id = :project_id AND id {{among ids}}"
LOCK = f"SELECT {COLUMNS} FROM jobs WHERE id = :id {{lock}}"
SAVE = "UPDATE jobs SET version = :version, enabled = :enabled, spec = :spec, updated_at = :updated_at WHERE id = :id"
PAGE = f"SELECT {COLUMNS} FROM jobs WHERE project_id = :project_id AND id < :before ORDER BY id DESC LIMIT :n"
DELETE = "DELETE FROM jobs WHERE id = :id"
BUSY = "SELECT 1 FROM runs WHERE job_id = :id AND finished_at IS NULL LIMIT 1"  # the index holds no ended run

VERSION_FIELDS = JobVersion.__struct_fields__
VERSION_COLUMNS = ", ".join(VERSION_FIELDS)
ADD_VERSION = Insert(
    "job_versions",
    {"job_id": "text", "version": "bigint", "spec": "text", "created_at": "bigint", "created_by": "text"},
)
VERSIONS = (
    f"SELECT {VERSION_COLUMNS} FROM job_versions WHERE job_id = :job_id AND version < :before "
    "ORDER BY version DESC LIMIT :n"
)
DELETE_VERSIONS = "DELETE FROM job_versions WHERE job_id = :id"


def from_row(row: Row) -> Job:
    """A row in the order of `FIELDS` as a record."""
    fields = dict(zip(FIELDS, row, strict=True))
    fields["enabled"] = bool(fields["enabled"])
    return Job(**fields)


def by_name_or_id(tx: Tx, project_id: int, wanted: Sequence[str]) -> dict[str, Job]:
    """The jobs of the project by the name or id they were asked for."""
    found = {}
    names = sorted(set(wanted))
    for row in tx.rows(BY_ID, project_id=project_id, ids=names):
        job = from_row(row)
        found[job.id] = job
    for row in tx.rows(BY_NAME, project_id=project_id, names=names):
        job = from_row(row)
        found[job.name] = job
    return found


def insert(tx: Tx, job: Job) -> bool:
    """Add the job; False when its name is taken."""
    return tx.insert(INSERT, [(*_values(job),)]) == 1


def lock(tx: Tx, job_id: str) -> Job | None:
    """The job, locked."""
    row = tx.row(LOCK, id=job_id)
    return from_row(row) if row is not None else None


def save(tx: Tx, job: Job) -> None:
    """Write what may change of a job."""
    tx.run(SAVE, id=job.id, version=job.version, enabled=int(job.enabled), spec=job.spec, updated_at=job.updated_at)


def page(tx: Tx, project_id: int, *, before: str, n: int) -> list[Job]:
    """Jobs below an id, newest first."""
    return [from_row(row) for row in tx.rows(PAGE, project_id=project_id, before=before, n=n)]


def is_busy(tx: Tx, job_id: str) -> bool:
    """Whether any run of the job has not ended."""
    return tx.row(BUSY, id=job_id) is not None


def delete(tx: Tx, job_id: str) -> None:
    """Drop the job and its versions."""
    tx.run(DELETE_VERSIONS, id=job_id)
    tx.run(DELETE, id=job_id)


def add_version(tx: Tx, version: JobVersion) -> None:
    """Keep a version."""
    tx.insert(ADD_VERSION, [tuple(getattr(version, name) for name in VERSION_FIELDS)])


def versions(tx: Tx, job_id: str, *, before: int, n: int) -> list[JobVersion]:
    """Versions below a number, newest first."""
    rows = tx.rows(VERSIONS, job_id=job_id, before=before, n=n)
    return [JobVersion(**dict(zip(VERSION_FIELDS, row, strict=True))) for row in rows]


def _values(job: Job) -> list[int | str]:
    # PostgreSQL keeps the flag as a number like SQLite does, and its JSON reader takes no `true` for one.
    return [int(value) if isinstance(value, bool) else value for value in (getattr(job, name) for name in FIELDS)]
