"""SQL of sessions."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.domain.sessions import Session
from runyard.storage.port import Insert, Tx, Update

FIELDS: tuple[str, ...] = Session.__struct_fields__
COLUMNS = ", ".join(FIELDS)
_NUMBERS = {
    "project_id",
    "stops_with_parent",
    "created_at",
    "updated_at",
    "active_at",
    "expires_at",
    "stopped_at",
    "events",
}
_TYPES = {name: "bigint" if name in _NUMBERS else "text" for name in FIELDS}
_MOVING = (
    "name",
    "state",
    "channel",
    "capabilities",
    "settings",
    "updated_at",
    "active_at",
    "expires_at",
    "stopped_at",
    "stop_reason",
    "failure",
    "stopping",
    "events",
)
ADD = Insert("sessions", _TYPES)
SAVE = Update("sessions", {name: _TYPES[name] for name in _MOVING}, {"id": "text"})
HEARD = Update("sessions", {"active_at": "bigint"}, {"id": "text"})
GET = f"SELECT {COLUMNS} FROM sessions WHERE id {{among ids}}"
LOCK = f"{GET} ORDER BY id {{lock}}"
LOCK_FREE = f"{GET} ORDER BY id {{skip_locked}}"
# By sessions_live or sessions_there where only those are asked for that have not stopped, else by sessions_project,
# sessions_workspace or sessions_agent.
_PAGE = f"SELECT {COLUMNS} FROM sessions WHERE project_id = :project_id AND id < :before"
DUE = "SELECT id FROM sessions WHERE expires_at <= :now AND stopped_at IS NULL ORDER BY expires_at LIMIT :n"
COUNT_CHILDREN = "SELECT COUNT(*) FROM sessions WHERE parent_id = :id AND stopped_at IS NULL"
# By sessions_parent.
_WITH = "WHERE parent_id {among ids} AND stops_with_parent = 1 AND stopped_at IS NULL"
STOPPING_WITH = f"SELECT id FROM sessions {_WITH}"
STOP_SOON = f"UPDATE sessions SET expires_at = :now, stop_reason = :reason {_WITH}"
COUNT_LIVE = "SELECT state, COUNT(*) FROM sessions WHERE project_id = :project_id AND stopped_at IS NULL GROUP BY state"
COUNT_AGENTS = "SELECT COUNT(DISTINCT agent) FROM sessions WHERE project_id = :project_id AND stopped_at IS NULL"
COUNT = "SELECT COUNT(*) FROM (SELECT 1 FROM sessions WHERE project_id = :project_id LIMIT :most) AS counted"


def add(tx: Tx, session: Session) -> None:
    """Add a session."""
    tx.insert(ADD, [tuple(msgspec.structs.astuple(session))])


def get(tx: Tx, ids: Sequence[str]) -> dict[str, Session]:
    """The sessions by id; unknown ids are absent."""
    return {one.id: one for one in tx.records(Session, GET, ids=list(ids))} if ids else {}


def lock(tx: Tx, ids: Sequence[str]) -> dict[str, Session]:
    """The sessions by id, locked in id order; unknown ids are absent."""
    return {one.id: one for one in tx.records(Session, LOCK, ids=sorted(set(ids)))} if ids else {}


def lock_free(tx: Tx, ids: Sequence[str]) -> dict[str, Session]:
    """`lock` of those among them that nobody else has locked; it waits for none."""
    return {one.id: one for one in tx.records(Session, LOCK_FREE, ids=sorted(set(ids)))} if ids else {}


def heard(tx: Tx, ids: Sequence[str]) -> None:
    """Note that sessions were heard of now."""
    tx.update(HEARD, [(tx.now, one) for one in sorted(set(ids))])


def page(
    tx: Tx,
    project_id: int,
    *,
    before: str,
    n: int,
    live: bool = False,
    **wanted: str | None,
) -> list[Session]:
    """The project's sessions below an id, newest first; of one `workspace_id`, `agent`, `state` where these are named.

    A `workspace_id` of '' asks for sessions of none.
    """
    sql, params = _PAGE, {name: value for name, value in wanted.items() if value is not None}
    for name, value in params.items():
        sql += f" AND {name} IS NULL" if (name, value) == ("workspace_id", "") else f" AND {name} = :{name}"
    if live:
        sql += " AND stopped_at IS NULL"
    sql += " ORDER BY id DESC LIMIT :n"
    return tx.records(Session, sql, project_id=project_id, before=before, n=n, **params)


def due(tx: Tx, n: int) -> list[str]:
    """Sessions whose time is up and that have not stopped; by sessions_expiry."""
    return [row[0] for row in tx.rows(DUE, now=tx.now, n=n)]


def count_children(tx: Tx, session_id: str) -> int:
    """How many sessions below this one have not stopped."""
    row = tx.row(COUNT_CHILDREN, id=session_id)
    return int(row[0]) if row is not None else 0


def stopping_with(tx: Tx, parents: Sequence[str]) -> list[str]:
    """Sessions that stop with one of these parents; a session has a bounded number below it."""
    return [row[0] for row in tx.rows(STOPPING_WITH, ids=list(parents))] if parents else []


def stop_soon(tx: Tx, parents: Sequence[str], reason: str) -> int:
    """Let the time of those be up that stop with one of these parents; how many there are."""
    return tx.run(STOP_SOON, ids=list(parents), now=tx.now, reason=reason) if parents else 0


def count_live(tx: Tx, project_id: int) -> dict[str, int]:
    """How many sessions that have not stopped there are in each state."""
    return {row[0]: row[1] for row in tx.rows(COUNT_LIVE, project_id=project_id)}


def count_agents(tx: Tx, project_id: int) -> int:
    """How many agents have sessions that have not stopped."""
    row = tx.row(COUNT_AGENTS, project_id=project_id)
    return int(row[0]) if row is not None else 0


def count(tx: Tx, project_id: int, most: int) -> int:
    """How many sessions there are, stopped ones too; counted up to so many."""
    row = tx.row(COUNT, project_id=project_id, most=most)
    return int(row[0]) if row is not None else 0


def save(tx: Tx, sessions: Sequence[Session]) -> None:
    """Write how sessions stand."""
    tx.update(SAVE, [(*(getattr(one, name) for name in _MOVING), one.id) for one in sessions])
