"""SQL of dependencies between jobs, and of the runs that wait because of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import msgspec

from runyard.domain.states import RunState
from runyard.domain.waits import Dependency
from runyard.storage.port import Row, Tx, Value

FIELDS = Dependency.__struct_fields__
COLUMNS = ", ".join(FIELDS)
PUT = (
    f"INSERT INTO job_dependencies ({COLUMNS}) VALUES ({', '.join(f':{name}' for name in FIELDS)}) "
    "ON CONFLICT (job_id, depends_on) DO UPDATE SET condition = excluded.condition"
)
OF_JOBS = f"SELECT {COLUMNS} FROM job_dependencies WHERE job_id {{among ids}} ORDER BY job_id, id"
ON_JOBS = f"SELECT {COLUMNS} FROM job_dependencies WHERE depends_on {{among ids}} ORDER BY job_id, id"
PAGE = (
    f"SELECT {COLUMNS} FROM job_dependencies WHERE job_id = :job_id AND id < :before AND created_at < :until "
    "ORDER BY id DESC LIMIT :n"
)
NEXT_JOBS = "SELECT DISTINCT depends_on FROM job_dependencies WHERE job_id {among ids}"
DROP = "DELETE FROM job_dependencies WHERE id = :id"
DROP_OF_JOB = "DELETE FROM job_dependencies WHERE job_id = :job_id OR depends_on = :job_id"
LOCK_PROJECT = "SELECT id FROM projects WHERE id = :project_id {lock}"

# Job ids have 36 characters; behind one and a colon stands the key that narrows whose end counts. The order says NULLS
# LAST where a key is asked for, so that PostgreSQL takes only the indexes made for keys: with a plain order it may walk
# all ended runs of the job for one with the key, on tables nobody has analysed yet.
_LAST = (
    "SELECT p.value, (SELECT r.state FROM runs r WHERE r.job_id = # AND r.finished_at IS NOT NULL "
    "ORDER BY r.finished_at DESC, r.id DESC LIMIT 1) FROM {each wanted} AS p"
)
_LAST_WITH = _LAST.replace("DESC,", "DESC NULLS LAST,").replace(
    "#", "substr(p.value, 1, 36) AND r.# = substr(p.value, 38)"
)
LAST = {
    "any": _LAST.replace("#", "p.value"),
    "key": _LAST_WITH.replace("#", "idempotency_key"),
    "group": _LAST_WITH.replace("#", "dependency_key"),
}

DEPENDENT = '{"kind":"dependency"%'
"""How `waiting_for` of such a run begins."""
_WAITS = "state = 'waiting' AND waiting_for LIKE :dependent"
_ALONE = (
    "SELECT * FROM (SELECT id, job_id FROM runs WHERE job_id = :j# AND idempotency_key IS NULL "
    f"AND dependency_key IS NULL AND {_WAITS} ORDER BY id LIMIT :n) AS of_j#"
)
BRANCHES = 50
KEYED = (
    "SELECT id, job_id FROM runs WHERE job_id {among jobs} AND idempotency_key {among names} "
    f"AND {_WAITS} ORDER BY id LIMIT :n"
)
GROUPED = (
    "SELECT id, job_id FROM runs WHERE job_id {among jobs} AND idempotency_key IS NULL "
    f"AND dependency_key {{among names}} AND {_WAITS} ORDER BY id LIMIT :n"
)
WAITING = f"SELECT id FROM runs WHERE job_id = :job_id AND id > :after AND {_WAITS} ORDER BY id LIMIT :n"
KEYS = "SELECT id, job_id, idempotency_key, dependency_key FROM runs WHERE id {among ids}"
LOCK_KEYS = f"{KEYS} AND {_WAITS} ORDER BY id {{lock}}"

NOTE = (
    "INSERT INTO dependency_passes (job_id, position, stamp) VALUES (:job_id, :position, :stamp) "
    "ON CONFLICT (job_id) DO UPDATE SET stamp = excluded.stamp, position = CASE "
    "WHEN excluded.position < dependency_passes.position THEN excluded.position ELSE dependency_passes.position END"
)
FIRST_LEFT = "SELECT job_id, position, stamp FROM dependency_passes LIMIT 1"
GO_ON = "UPDATE dependency_passes SET position = :position WHERE job_id = :job_id AND stamp = :stamp"
FINISH = "DELETE FROM dependency_passes WHERE job_id = :job_id AND stamp = :stamp"
FORGET = "DELETE FROM dependency_passes WHERE job_id = :job_id"


class Keyed(msgspec.Struct, frozen=True):
    """The little of a run that says whose end it waits for."""

    id: str
    job_id: str | None
    idempotency_key: str | None
    dependency_key: str | None


class Look(msgspec.Struct, frozen=True):
    """A job whose waiting runs are looked at, slice by slice, from a position on."""

    job_id: str
    position: str
    stamp: str


def _from_row(row: Row) -> Dependency:
    return Dependency(**dict(zip(FIELDS, row, strict=True)))


def put(tx: Tx, one: Dependency) -> None:
    """Add a dependency, or give the one there is between the two jobs another condition."""
    tx.run(PUT, **msgspec.structs.asdict(one))


def of_jobs(tx: Tx, job_ids: Sequence[str]) -> dict[str, list[Dependency]]:
    """What each of the jobs depends on."""
    return _grouped(tx.rows(OF_JOBS, ids=sorted(set(job_ids))))


def on_jobs(tx: Tx, job_ids: Sequence[str]) -> list[Dependency]:
    """The dependencies of others on these jobs."""
    return [_from_row(row) for row in tx.rows(ON_JOBS, ids=sorted(set(job_ids)))]


def _grouped(rows: Sequence[Row]) -> dict[str, list[Dependency]]:
    found: dict[str, list[Dependency]] = {}
    for one in map(_from_row, rows):
        found.setdefault(one.job_id, []).append(one)
    return found


def page(tx: Tx, job_id: str, *, before: str, until: int, n: int) -> list[Dependency]:
    """Dependencies of a job below an id and made before a time, newest first."""
    return [_from_row(row) for row in tx.rows(PAGE, job_id=job_id, before=before, until=until, n=n)]


def lock_project(tx: Tx, project_id: int) -> None:
    """Let nobody else change dependencies of the project before this transaction ends."""
    tx.rows(LOCK_PROJECT, project_id=project_id)


def next_jobs(tx: Tx, job_ids: Sequence[str]) -> list[str]:
    """The jobs that these depend on."""
    return [row[0] for row in tx.rows(NEXT_JOBS, ids=sorted(job_ids))]


def drop(tx: Tx, dependency_id: str) -> None:
    """Remove a dependency."""
    tx.run(DROP, id=dependency_id)


def drop_of_job(tx: Tx, job_id: str) -> None:
    """Remove every dependency of the job and on it, and what is left to be looked at."""
    tx.run(DROP_OF_JOB, job_id=job_id)
    tx.run(FORGET, job_id=job_id)


def last_states(tx: Tx, scope: str, wanted: Sequence[str]) -> dict[str, RunState | None]:
    """The state of the run that ended last, of each job (`any`), or each `job:key` (`key`, `group`)."""
    rows = tx.rows(LAST[scope], wanted=sorted(wanted)) if wanted else []
    return {row[0]: None if row[1] is None else RunState(row[1]) for row in rows}


@lru_cache(maxsize=BRANCHES)
def _alone_text(jobs: int) -> str:
    return " UNION ALL ".join(_ALONE.replace("#", str(number)) for number in range(jobs))


def waiting_alone(tx: Tx, jobs: Sequence[str], n: int) -> list[tuple[str, str]]:
    """The oldest waiting runs without keys, at most `n` of each job: (run, job)."""
    found: list[tuple[str, str]] = []
    for start in range(0, len(jobs), BRANCHES):
        some = jobs[start : start + BRANCHES]
        params: dict[str, Value] = {f"j{number}": job for number, job in enumerate(some)}
        found += [(row[0], row[1]) for row in tx.rows(_alone_text(len(some)), dependent=DEPENDENT, n=n, **params)]
    return found


def waiting_keyed(tx: Tx, text: str, jobs: Sequence[str], names: Sequence[str], n: int) -> list[tuple[str, str]]:
    """The oldest waiting runs with one of the keys (`KEYED`, `GROUPED`), at most `n` in all: (run, job)."""
    if not names:
        return []
    return [(row[0], row[1]) for row in tx.rows(text, jobs=list(jobs), names=list(names), dependent=DEPENDENT, n=n)]


def waiting(tx: Tx, job_id: str, *, after: str, n: int) -> list[str]:
    """Runs of the job that wait for its dependencies, oldest first."""
    return [row[0] for row in tx.rows(WAITING, job_id=job_id, after=after, dependent=DEPENDENT, n=n)]


def lock_keys(tx: Tx, ids: Sequence[str]) -> list[Keyed]:
    """Those of the runs that wait for dependencies, locked."""
    return [Keyed(*row) for row in tx.rows(LOCK_KEYS, ids=sorted(set(ids)), dependent=DEPENDENT)]


def note(tx: Tx, job_id: str, position: str) -> None:
    """Have the job's waiting runs after a position looked at."""
    tx.run(NOTE, job_id=job_id, position=position, stamp=tx.new_id())


def first_left(tx: Tx) -> Look | None:
    """A job to look at, if there is one."""
    row = tx.row(FIRST_LEFT)
    return Look(*row) if row else None


def go_on(tx: Tx, one: Look, position: str | None) -> None:
    """Note how far the pass came (None: to the end), unless somebody asked anew meanwhile."""
    if position is None:
        tx.run(FINISH, job_id=one.job_id, stamp=one.stamp)
    else:
        tx.run(GO_ON, job_id=one.job_id, stamp=one.stamp, position=position)
