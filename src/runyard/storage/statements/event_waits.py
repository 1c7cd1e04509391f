"""SQL of waits for events."""

from __future__ import annotations

from collections.abc import Sequence

from runyard.domain.waits import EventWait, WaitState
from runyard.storage.port import Insert, Row, Tx, Value

FIELDS = EventWait.__struct_fields__
COLUMNS = ", ".join(FIELDS)
_NUMBERS = {"project_id", "timeout", "requested_at", "received_at", "expires_at"}
ADD = Insert(
    "event_waits",
    {name: "bigint" if name in _NUMBERS else "text" for name in FIELDS},
    "ON CONFLICT (project_id, name) WHERE state = 'waiting' DO NOTHING",
)
ADDED = "SELECT id FROM event_waits WHERE id {among ids}"
CLOSE = (
    "UPDATE event_waits SET state = :state, received_at = :received_at, error = :error "
    "WHERE run_id {among ids} AND state = 'waiting'"
)
RECEIVE = (
    "UPDATE event_waits SET state = 'received', received_at = :now, response = :response, sent_by = :sent_by "
    "WHERE id {among ids} AND state = 'waiting'"
)
OPEN = f"SELECT {COLUMNS} FROM event_waits WHERE project_id = :project_id AND name = :name AND state = 'waiting'"
NEWEST = f"SELECT {COLUMNS} FROM event_waits WHERE project_id = :project_id AND name = :name ORDER BY id DESC LIMIT 1"
GET = f"SELECT {COLUMNS} FROM event_waits WHERE id {{among ids}} ORDER BY id"
NAMED = (
    f"SELECT {COLUMNS} FROM event_waits WHERE project_id = :project_id AND state = 'waiting' "
    "AND name >= :first AND name > :after AND name < :beyond ORDER BY name LIMIT :n"
)
_PAGE = (
    f"SELECT * FROM (SELECT {COLUMNS} FROM event_waits WHERE project_id = :project_id AND state = '#' "
    "AND id < :before AND requested_at < :until ORDER BY id DESC LIMIT :n) AS # "
)
_IN_STATE = "FROM event_waits WHERE project_id = :project_id AND state = :state"
COUNT = f"SELECT COUNT(*) FROM (SELECT 1 {_IN_STATE} LIMIT :n) AS counted"
AVERAGE = (
    "SELECT AVG(received_at - requested_at) FROM (SELECT received_at, requested_at FROM event_waits "
    "WHERE project_id = :project_id AND state = 'received' ORDER BY id DESC LIMIT :n) AS newest"
)
_OLD = "FROM event_waits WHERE project_id = :project_id AND state = :state AND id < :beyond AND requested_at < :before "
OLD = f"SELECT id {_OLD} ORDER BY id LIMIT :n"
COUNT_OLD = f"SELECT COUNT(*) {_OLD}"
DROP = "DELETE FROM event_waits WHERE id {among ids}"
_ERRORS = {WaitState.TIMED_OUT: "nothing arrived in time", WaitState.CANCELED: "the run waits no longer"}


def from_row(row: Row) -> EventWait:
    """A row in the order of `FIELDS` as a record."""
    fields = dict(zip(FIELDS, row, strict=True))
    fields["state"] = WaitState(fields["state"])
    return EventWait(**fields)


def add(tx: Tx, waits: Sequence[EventWait]) -> set[str]:
    """Add waits; the ids of those whose name nobody else waits for. Waits for writers of the same name."""
    rows = sorted((tuple(getattr(one, name) for name in FIELDS) for one in waits), key=lambda row: (row[1], row[2]))
    tx.insert(ADD, [(*row[:4], row[4].value, *row[5:]) for row in rows])
    return {row[0] for row in tx.rows(ADDED, ids=[one.id for one in waits])}


def close(tx: Tx, run_ids: Sequence[str], state: WaitState) -> None:
    """Close what is open of the runs' waits."""
    if run_ids:
        received = tx.now if state is WaitState.RECEIVED else None
        ids = sorted(set(run_ids))
        tx.run(CLOSE, ids=ids, state=state.value, received_at=received, error=_ERRORS.get(state))


def receive(tx: Tx, ids: Sequence[str], response: str | None, sent_by: str | None) -> None:
    """Note what came for open waits."""
    tx.run(RECEIVE, ids=list(ids), now=tx.now, response=response, sent_by=sent_by)


def named(tx: Tx, project_id: int, name: str) -> EventWait | None:
    """The wait that is open under the name, else the last there was."""
    row = tx.row(OPEN, project_id=project_id, name=name) or tx.row(NEWEST, project_id=project_id, name=name)
    return from_row(row) if row else None


def get(tx: Tx, ids: Sequence[str]) -> list[EventWait]:
    """Waits by id."""
    return [from_row(row) for row in tx.rows(GET, ids=list(ids))]


def beginning(tx: Tx, project_id: int, prefix: str, *, after: str, n: int) -> list[EventWait]:
    """Open waits whose name begins so, by name, after a name."""
    params: dict[str, Value] = {"first": prefix, "beyond": prefix + "\U0010ffff", "after": after, "n": n}
    return [from_row(row) for row in tx.rows(NAMED, project_id=project_id, **params)]


def page(tx: Tx, project_id: int, states: Sequence[WaitState], *, before: str, until: int, n: int) -> list[EventWait]:
    """Waits in these states below an id and asked for before a time, newest first."""
    branches = " UNION ALL ".join(_PAGE.replace("#", state.value) for state in states)
    params: dict[str, Value] = {"project_id": project_id, "before": before, "until": until, "n": n}
    rows = tx.rows(f"SELECT * FROM ({branches}) AS waits ORDER BY id DESC LIMIT :n", **params)
    return [from_row(row) for row in rows]


def count(tx: Tx, project_id: int, state: WaitState, n: int) -> int:
    """How many waits are in the state, counted up to `n`."""
    row = tx.row(COUNT, project_id=project_id, state=state.value, n=n)
    return int(row[0]) if row else 0


def average_wait(tx: Tx, project_id: int, n: int) -> float:
    """How long the last `n` that were answered had waited, in microseconds."""
    row = tx.row(AVERAGE, project_id=project_id, n=n)
    return float(row[0]) if row and row[0] is not None else 0.0


def old(tx: Tx, project_id: int, state: WaitState, *, before: int, beyond: str, n: int) -> list[str]:
    """Waits in the state that were asked for before a time, oldest first."""
    params: dict[str, Value] = {"before": before, "beyond": beyond, "n": n}
    return [row[0] for row in tx.rows(OLD, project_id=project_id, state=state.value, **params)]


def count_old(tx: Tx, project_id: int, state: WaitState, *, before: int, beyond: str) -> int:
    """How many such waits there are."""
    row = tx.row(COUNT_OLD, project_id=project_id, state=state.value, before=before, beyond=beyond)
    return int(row[0]) if row else 0


def drop(tx: Tx, ids: Sequence[str]) -> int:
    """Remove waits; how many there were."""
    return tx.run(DROP, ids=list(ids))
