"""SQL of retiring sessions: those that stopped long ago and that nothing names, and old lines about any of them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.storage.port import Tx
from runyard.storage.statements.retention import Part

# By sessions_stopped, from a place on: those that something names are passed over, and seen again in the next round.
_COLUMNS = "SELECT id, project_id, parent_id, stopped_at, failure FROM sessions"
STOPPED = (
    f"{_COLUMNS} WHERE stopped_at IS NOT NULL AND stopped_at < :before AND (stopped_at, id) > (:at, :id) "
    "ORDER BY stopped_at, id LIMIT :n"
)
TAKE = f"{_COLUMNS} WHERE id {{among ids}} ORDER BY id {{skip_locked}}"
# By task_runs_session, task_runs_claimed_for, reviews_session, tasks_owner, tasks_creator and sessions_parent. Asked as
# values: of EXISTS PostgreSQL makes tables of everything that names any session.
NAMED = (
    "SELECT s.id FROM sessions s WHERE s.id {among ids} AND COALESCE("
    "(SELECT 1 FROM task_runs r WHERE r.session_id = s.id LIMIT 1), "
    "(SELECT 1 FROM task_runs c WHERE c.claimer_ref = s.id AND c.claimer_kind = 'agent_session' "
    "AND (c.session_id IS NULL OR c.session_id <> c.claimer_ref) LIMIT 1), "
    "(SELECT 1 FROM reviews v WHERE v.session_id = s.id LIMIT 1), "
    "(SELECT 1 FROM tasks o WHERE o.project_id = s.project_id AND o.owner_kind = 'agent_session' "
    "AND o.owner_ref = s.id LIMIT 1), "
    "(SELECT 1 FROM tasks t WHERE t.creator_ref = s.id AND t.creator_kind = 'agent_session' LIMIT 1), "
    "(SELECT 1 FROM sessions b WHERE b.parent_id = s.id AND b.stopped_at IS NULL LIMIT 1)) IS NOT NULL"
)
PARTS = (
    # Some of them hold what was said to the session.
    Part("session_events", "session_id, number", 4, where="session_id {among ids}"),
    Part("session_prompts", "id", 4, where="session_id {among ids}"),
    Part("channel_reads", "session_id, channel", where="session_id {among ids}"),
)
# Both by the primary key: under these a session began others, and was begun.
DELETE_KEYS = "DELETE FROM idempotency_keys WHERE project_id {among projects} AND scope {among scopes}"
DELETE_OWN_KEYS = f"{DELETE_KEYS} AND run_id {{among ids}}"
DELETE = "DELETE FROM sessions WHERE id {among ids}"


def _old(table: str, key: str, where: str, at: str) -> str:
    """Deletes the oldest `n` rows, and none that another server deletes at this moment; it looks for them once."""
    return (
        f"DELETE FROM {table} WHERE ({key}) IN (WITH old AS MATERIALIZED (SELECT {key} FROM {table} "
        f"WHERE {where}{at} < :before ORDER BY {at} LIMIT :n {{skip_locked}}) SELECT {key} FROM old)"
    )


OLD = (
    _old("session_events", "session_id, number", "", "at"),  # by session_events_at
    _old("session_prompts", "id", "state <> 'queued' AND ", "created_at"),  # by session_prompts_done
    _old("channel_messages", "id", "", "at"),  # by channel_messages_at
)


class Stopped(msgspec.Struct, frozen=True):
    """A session that stopped. Built from rows by position."""

    id: str
    project_id: int
    parent_id: str | None
    stopped_at: int
    failure: str | None


def stopped(tx: Tx, before: int, *, at: int, id: str, n: int) -> list[Stopped]:
    """The first sessions behind a place that stopped before a time."""
    return [Stopped(*row) for row in tx.rows(STOPPED, before=before, at=at, id=id, n=n)]


def take(tx: Tx, ids: Sequence[str]) -> list[Stopped]:
    """Those of these stopped sessions that are still there and that nobody else is at, locked."""
    return [Stopped(*row) for row in tx.rows(TAKE, ids=list(ids))]


def named(tx: Tx, ids: Sequence[str]) -> set[str]:
    """Those of the sessions that a run, a review, a task or a session that is there names."""
    return {row[0] for row in tx.rows(NAMED, ids=list(ids))} if ids else set()


def delete(tx: Tx, sessions: Sequence[Stopped]) -> int:
    """Delete sessions of which all else is gone, with the keys under which they began others and were begun."""
    ids, projects = [one.id for one in sessions], sorted({one.project_id for one in sessions})
    begun = sorted({scope(one.parent_id) for one in sessions if one.parent_id is not None})
    tx.run(DELETE_KEYS, projects=projects, scopes=[scope(one) for one in ids])
    tx.run(DELETE_OWN_KEYS, projects=projects, scopes=begun, ids=ids)
    return tx.run(DELETE, ids=ids)


def scope(parent_id: str) -> str:
    """Where the keys are unique under which a session begins others."""
    return f"spawn:{parent_id}"


def prune(tx: Tx, before: int, n: int) -> int:
    """Delete at most so many lines about sessions, settled prompts and messages of channels from before; how many."""
    left = n
    for statement in OLD:
        left -= tx.run(statement, before=before, n=left) if left > 0 else 0
    return n - left
