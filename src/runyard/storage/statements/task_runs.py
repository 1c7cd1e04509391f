"""SQL of what stands beside runs of tasks."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import astuple

from runyard.domain.tasks import Stage, TaskRun
from runyard.storage.port import Insert, Tx
from runyard.storage.saving import Saver

FIELDS: tuple[str, ...] = TaskRun.__struct_fields__
COLUMNS = ", ".join(FIELDS)
_NUMBERS = {
    "project_id",
    "attempt",
    "held",
    "round",
    "queued_at",
    "claimed_at",
    "started_at",
    "ended_at",
    "starved",
    "look_at",
    "counted",
}
_TYPES = {name: "bigint" if name in _NUMBERS else "text" for name in FIELDS}
_FIXED = {"run_id", "project_id", "task_id", "attempt", "origin_kind", "origin_ref", "queued_at"}
_SAVER = Saver("task_runs", _TYPES, key="run_id", fixed=_FIXED)

ADD = Insert("task_runs", _TYPES)
GET = f"SELECT {COLUMNS} FROM task_runs WHERE run_id {{among ids}}"
LATEST = f"SELECT {COLUMNS} FROM task_runs WHERE task_id = :task_id ORDER BY attempt DESC LIMIT :n"
HELD = f"SELECT {COLUMNS} FROM task_runs WHERE session_id {{among ids}} AND held = 1"
# What somebody has who was given no lease: by task_runs_claimer, which holds what somebody has alone.
UNLEASED = (
    "SELECT r.run_id FROM task_runs r JOIN runs u ON u.id = r.run_id "
    "WHERE r.project_id IN (SELECT project_id FROM task_run_sums WHERE claimed > 0 OR starting > 0 OR running > 0) "
    "AND r.stage IN ('claimed', 'starting', 'running') AND r.run_id > :after AND u.lease_until IS NULL "
    # Others are worked on outside of the server, which knows nothing of it.
    "AND u.executor = 'session' "
    "AND u.state IN ('claimed', 'starting', 'running') ORDER BY r.run_id LIMIT :n"
)
# What each session took up last, by task_runs_session.
LAST_OF = (
    "SELECT s.value, (SELECT r.run_id FROM task_runs r WHERE r.session_id = s.value "
    "ORDER BY r.held DESC NULLS LAST, r.claimed_at DESC NULLS LAST, r.run_id DESC LIMIT 1) FROM {each ids} AS s"
)
SUCCESSOR = f"SELECT {COLUMNS} FROM task_runs WHERE previous_run_id = :run_id ORDER BY attempt DESC LIMIT 1"
CHAIN = (
    "WITH RECURSIVE chain (run_id, previous_run_id, depth) AS ("
    "SELECT run_id, previous_run_id, 0 FROM task_runs WHERE run_id = :run_id UNION ALL "
    "SELECT t.run_id, t.previous_run_id, c.depth + 1 FROM task_runs t JOIN chain c ON t.run_id = c.previous_run_id "
    "WHERE c.depth < :n) SELECT run_id FROM chain WHERE depth > 0 ORDER BY depth"
)
SESSIONS = (
    "SELECT r.run_id, r.session_id FROM tasks t JOIN task_runs r ON r.run_id = t.open_run_id "
    "WHERE t.id {among ids} AND t.open_stage IN ('claimed', 'starting', 'running') AND r.session_id IS NOT NULL"
)
_OPEN = "('queued', 'claimed', 'starting', 'running', 'needs_attention')"
# All by task_runs_task. Of several runs that have not ended the task stands as the latest that somebody works on.
STANDINGS = (
    "SELECT s.value, (SELECT r.run_id FROM task_runs r WHERE r.task_id = s.value AND r.stage IN "
    f"{_OPEN} ORDER BY CASE WHEN r.stage IN ('starting', 'running') THEN 0 ELSE 1 END, r.attempt DESC LIMIT 1), "
    "(SELECT r.run_id FROM task_runs r WHERE r.task_id = s.value AND r.stage IN ('completed', 'failed', 'canceled') "
    "ORDER BY r.attempt DESC LIMIT 1) FROM {each ids} AS s"
)
OPEN_ONES = f"SELECT run_id FROM task_runs WHERE task_id {{among ids}} AND stage IN {_OPEN} ORDER BY run_id"
QUEUED_ONES = "SELECT run_id FROM task_runs WHERE task_id {among ids} AND stage = 'queued' ORDER BY run_id"
DELETE = "DELETE FROM task_runs WHERE run_id {among ids}"


def add(tx: Tx, rows: Sequence[TaskRun]) -> None:
    """Add rows."""
    tx.insert(ADD, [astuple(row) for row in rows])


def get(tx: Tx, ids: Sequence[str]) -> dict[str, TaskRun]:
    """The rows of these runs, by run; runs that are of no task are absent."""
    return {row.run_id: row for row in tx.records(TaskRun, GET, ids=list(ids))} if ids else {}


def of_task(tx: Tx, task_id: str, n: int) -> list[TaskRun]:
    """The task's last `n` runs, the latest first."""
    return tx.records(TaskRun, LATEST, task_id=task_id, n=n)


def held_by(tx: Tx, session_ids: Sequence[str]) -> dict[str, TaskRun]:
    """What these sessions have, by session."""
    found = tx.records(TaskRun, HELD, ids=list(session_ids)) if session_ids else ()
    return {row.session_id: row for row in found if row.session_id is not None}


def unleased(tx: Tx, after: str, n: int) -> list[str]:
    """The first `n` runs behind an id that somebody has without a lease."""
    return [row[0] for row in tx.rows(UNLEASED, after=after, n=n)]


def last_of(tx: Tx, session_ids: Sequence[str]) -> dict[str, TaskRun]:
    """What these sessions have, or else had last, by session; those that never had anything are absent."""
    found = {row[0]: row[1] for row in tx.rows(LAST_OF, ids=list(session_ids)) if row[1]} if session_ids else {}
    rows = get(tx, sorted(set(found.values())))
    return {session_id: rows[run_id] for session_id, run_id in found.items() if run_id in rows}


def sessions_of(tx: Tx, task_ids: Sequence[str]) -> dict[str, str]:
    """Which session has the open run of each of these tasks, by run; runs that none has are absent."""
    return {row[0]: row[1] for row in tx.rows(SESSIONS, ids=list(task_ids))} if task_ids else {}


def successor(tx: Tx, run_id: str) -> TaskRun | None:
    """The run that took this one's place."""
    rows = tx.records(TaskRun, SUCCESSOR, run_id=run_id)
    return rows[0] if rows else None


def standings(tx: Tx, task_ids: Sequence[str]) -> dict[str, dict[str, str | Stage | None]]:
    """Which open run each of these tasks stands by, and which ended last, as fields of the task."""
    found = tx.rows(STANDINGS, ids=list(task_ids)) if task_ids else []
    rows = get(tx, [one for _, *ids in found for one in ids if one is not None])
    stages = {run_id: row.stage for run_id, row in rows.items()}
    return {
        task_id: {
            "open_run_id": open_id,
            "open_stage": stages.get(open_id),
            "last_run_id": last_id,
            "last_stage": stages.get(last_id),
        }
        for task_id, open_id, last_id in found
    }


def open_ones(tx: Tx, task_ids: Sequence[str]) -> list[str]:
    """The runs of these tasks that have not ended; most tasks have one at most."""
    return [row[0] for row in tx.rows(OPEN_ONES, ids=list(task_ids))] if task_ids else []


def queued_ones(tx: Tx, task_ids: Sequence[str]) -> list[str]:
    """The runs of these tasks that nobody has taken."""
    return [row[0] for row in tx.rows(QUEUED_ONES, ids=list(task_ids))] if task_ids else []


def chain(tx: Tx, run_id: str, n: int) -> list[str]:
    """The runs whose place this one took, one after the other, at most `n`, the latest first."""
    return [row[0] for row in tx.rows(CHAIN, run_id=run_id, n=n)]


def delete(tx: Tx, ids: Sequence[str]) -> None:
    """Delete the rows of these runs."""
    tx.run(DELETE, ids=list(ids))


def save(tx: Tx, before: Sequence[TaskRun], after: Sequence[TaskRun]) -> None:
    """Write what differs between rows whose runs this transaction locked and what they are now."""
    _SAVER.save(tx, before, after)
