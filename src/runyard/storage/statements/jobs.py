"""SQL of jobs and their versions."""

from __future__ import annotations

from collections.abc import Sequence

from runyard.domain.records import Job, JobVersion
from runyard.storage.port import Insert, Row, Tx

FIELDS = Job.__struct_fields__
ID_LENGTH = 36
"""How many characters every id has, and few names."""
COLUMNS = ", ".join(FIELDS)
_TEXTS = {"id", "name", "spec"}
INSERT = Insert(
    "jobs",
    {name: "text" if name in _TEXTS else "bigint" for name in FIELDS},
    "ON CONFLICT (project_id, name) DO NOTHING",
)
BY_NAME = f"SELECT {COLUMNS} FROM jobs WHERE project_id = :project_id AND name {{among names}}"
BY_ID = f"SELECT {COLUMNS} FROM jobs WHERE project_id = :project_id AND id {{among ids}}"
KEEP_BY_NAME, KEEP_BY_ID = f"{BY_NAME} {{keep}}", f"{BY_ID} {{keep}}"
LOCK = f"SELECT {COLUMNS} FROM jobs WHERE id = :id {{lock}}"
LOCK_TO_CHANGE = f"SELECT {COLUMNS} FROM jobs WHERE id = :id {{change}}"
SAVE = (
    "UPDATE jobs SET name = :name, version = :version, enabled = :enabled, spec = :spec, updated_at = :updated_at "
    "WHERE id = :id"
)
PAGE = f"SELECT {COLUMNS} FROM jobs WHERE project_id = :project_id AND id < :before ORDER BY id DESC LIMIT :n"
PAGE_BY_TIME = (
    f"SELECT {COLUMNS} FROM jobs WHERE project_id = :project_id AND (created_at, id) < (:at, :id) "
    "ORDER BY created_at DESC, id DESC LIMIT :n"
)
LOCK_MANY = f"SELECT {COLUMNS} FROM jobs WHERE project_id = :project_id AND id {{among ids}} ORDER BY id {{lock}}"
ENABLE = "UPDATE jobs SET enabled = :enabled, updated_at = :now WHERE id {among ids}"
# An id is of a fixed alphabet, so it stands in the definition as it is.
USERS = "SELECT name FROM jobs WHERE project_id = :project_id AND spec LIKE :pattern ORDER BY id LIMIT 1"
DELETE = "DELETE FROM jobs WHERE id = :id"
BUSY = "SELECT 1 FROM runs WHERE job_id = :id AND finished_at IS NULL LIMIT 1"  # the index holds no ended run

VERSION_FIELDS = JobVersion.__struct_fields__
VERSION_COLUMNS = ", ".join(VERSION_FIELDS)
ADD_VERSION = Insert(
    "job_versions",
    {"job_id": "text", "version": "bigint", "spec": "text", "created_at": "bigint", "created_by": "text"},
)
VERSIONS = (
    f"SELECT {VERSION_COLUMNS} FROM job_versions WHERE job_id = :job_id AND version < :before AND created_at < :at "
    "ORDER BY version DESC LIMIT :n"
)
VERSION = (
    f"SELECT {VERSION_COLUMNS} FROM job_versions WHERE job_id = :job_id AND version = :version "
    # Versions outlive their job for a moment.
    "AND EXISTS (SELECT 1 FROM jobs WHERE id = :job_id)"
)
UPGRADES = (
    "SELECT j.id, j.version, j.spec, v.version, v.spec FROM jobs j "
    "LEFT JOIN job_versions v ON v.job_id = j.id AND v.version {among versions} WHERE j.id {among ids}"
)


def from_row(row: Row) -> Job:
    """A row in the order of `FIELDS` as a record."""
    fields = dict(zip(FIELDS, row, strict=True))
    fields["enabled"] = bool(fields["enabled"])
    return Job(**fields)


def by_name_or_id(tx: Tx, project_id: int, wanted: Sequence[str], *, keep: bool = False) -> dict[str, Job]:
    """The jobs of the project by the name or id they were asked for.

    With `keep` none of them is deleted before this transaction ends, and one that is being deleted is not found.
    """
    by_id, by_name = (KEEP_BY_ID, KEEP_BY_NAME) if keep else (BY_ID, BY_NAME)
    found = {}
    names = sorted(set(wanted))
    ids = [name for name in names if len(name) == ID_LENGTH]
    for row in tx.rows(by_id, project_id=project_id, ids=ids) if ids else ():
        job = from_row(row)
        found[job.id] = job
    # No name looks like an id.
    rest = [name for name in names if name not in found]
    for row in tx.rows(by_name, project_id=project_id, names=rest) if rest else ():
        job = from_row(row)
        found[job.name] = job
    return found


def insert(tx: Tx, job: Job) -> bool:
    """Add the job; False when its name is taken."""
    return tx.insert_counted(INSERT, [(*_values(job),)]) == 1


def lock(tx: Tx, job_id: str) -> Job | None:
    """The job, locked so that nobody makes runs of it meanwhile."""
    row = tx.row(LOCK, id=job_id)
    return from_row(row) if row is not None else None


def lock_to_change(tx: Tx, job_id: str) -> Job | None:
    """The job, locked; runs of it are made meanwhile."""
    row = tx.row(LOCK_TO_CHANGE, id=job_id)
    return from_row(row) if row is not None else None


def save(tx: Tx, job: Job) -> None:
    """Write what may change of a job."""
    tx.run(
        SAVE,
        id=job.id,
        name=job.name,
        version=job.version,
        enabled=int(job.enabled),
        spec=job.spec,
        updated_at=job.updated_at,
    )


def page(tx: Tx, project_id: int, *, before: str, n: int) -> list[Job]:
    """Jobs below an id, newest first."""
    return [from_row(row) for row in tx.rows(PAGE, project_id=project_id, before=before, n=n)]


def page_by_time(tx: Tx, project_id: int, *, before: tuple[int, str], n: int) -> list[Job]:
    """Jobs made before a time (those of that very time by id), newest first."""
    at, job_id = before
    return [from_row(row) for row in tx.rows(PAGE_BY_TIME, project_id=project_id, at=at, id=job_id, n=n)]


def lock_many(tx: Tx, project_id: int, ids: Sequence[str]) -> list[Job]:
    """The project's jobs of these ids, locked in id order."""
    return [from_row(row) for row in tx.rows(LOCK_MANY, project_id=project_id, ids=sorted(set(ids)))]


def enable(tx: Tx, ids: Sequence[str], *, enabled: bool) -> None:
    """Enable or disable jobs."""
    tx.run(ENABLE, ids=list(ids), enabled=int(enabled), now=tx.now)


def user_of_environment(tx: Tx, project_id: int, environment_id: str) -> str | None:
    """The name of a job that names the environment."""
    row = tx.row(USERS, project_id=project_id, pattern=f'%"environment_id":"{environment_id}"%')
    return row[0] if row is not None else None


def is_busy(tx: Tx, job_id: str) -> bool:
    """Whether any run of the job has not ended."""
    return tx.row(BUSY, id=job_id) is not None


def delete(tx: Tx, job_id: str) -> None:
    """Drop the job; its versions are found no more."""
    tx.run(DELETE, id=job_id)


def add_version(tx: Tx, version: JobVersion) -> None:
    """Keep a version."""
    tx.insert(ADD_VERSION, [tuple(getattr(version, name) for name in VERSION_FIELDS)])


def versions(tx: Tx, job_id: str, *, before: int, made_before: int, n: int) -> list[JobVersion]:
    """Versions below a number that were made before a time, newest first."""
    rows = tx.rows(VERSIONS, job_id=job_id, before=before, at=made_before, n=n)
    return [JobVersion(**dict(zip(VERSION_FIELDS, row, strict=True))) for row in rows]


def version(tx: Tx, job_id: str, number: int) -> JobVersion | None:
    """The version of that number."""
    row = tx.row(VERSION, job_id=job_id, version=number)
    return JobVersion(**dict(zip(VERSION_FIELDS, row, strict=True))) if row is not None else None


def with_versions(
    tx: Tx, ids: Sequence[str], versions: Sequence[int]
) -> tuple[dict[str, tuple[int, str]], dict[tuple[str, int], str]]:
    """Number and definition of each job now, and the definitions that it had in these versions."""
    current, kept = {}, {}
    for job_id, number, spec, old, old_spec in tx.rows(UPGRADES, ids=sorted(set(ids)), versions=sorted(set(versions))):
        current[job_id] = (number, spec)
        if old is not None:
            kept[job_id, old] = old_spec
    return current, kept


def _values(job: Job) -> list[int | str]:
    # PostgreSQL keeps the flag as a number like SQLite does, and its JSON reader takes no `true` for one.
    return [int(value) if isinstance(value, bool) else value for value in (getattr(job, name) for name in FIELDS)]
