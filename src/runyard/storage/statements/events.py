"""SQL of the journal."""

from __future__ import annotations

from runyard.domain.records import Event
from runyard.storage.port import Tx

FIELDS = Event.__struct_fields__
COLUMNS = ", ".join(FIELDS)
OF_RUN = f"SELECT {COLUMNS} FROM events WHERE run_id = :key AND seq > :after ORDER BY seq LIMIT :n"
OF_PROJECT = OF_RUN.replace("run_id = :key", "project_id = :key")
OF_RUN_TYPE = (
    f"SELECT {COLUMNS} FROM events WHERE run_id = :key AND seq > :after AND seq <= :upto AND type = :type "
    "ORDER BY seq LIMIT :n"
)
OF_PROJECT_TYPE = OF_RUN_TYPE.replace("run_id = :key", "project_id = :key")
REACH_OF_RUN = (
    "SELECT COUNT(*), MAX(seq) FROM "
    "(SELECT seq FROM events WHERE run_id = :key AND seq > :after ORDER BY seq LIMIT :n) AS ahead"
)
REACH_OF_PROJECT = REACH_OF_RUN.replace("run_id = :key", "project_id = :key")
LAST = "SELECT value FROM counters WHERE name = 'seq'"
PRUNED = "SELECT value FROM counters WHERE name = :name"
SET_PRUNED = (
    "INSERT INTO counters (name, value) VALUES (:name, :seq) ON CONFLICT (name) DO UPDATE "
    "SET value = excluded.value WHERE excluded.value > counters.value"
)


def after(tx: Tx, key: str | int, seq: int, n: int) -> list[Event]:
    """The run's (by id) or project's (by number) first events after a sequence number, oldest first."""
    text = OF_RUN if isinstance(key, str) else OF_PROJECT
    return [_from_row(row) for row in tx.rows(text, key=key, after=seq, n=n)]


def after_of_type(tx: Tx, key: str | int, seq: int, upto: int, n: int, type: str) -> list[Event]:
    """The same, of one type only and not beyond `upto`."""
    text = OF_RUN_TYPE if isinstance(key, str) else OF_PROJECT_TYPE
    return [_from_row(row) for row in tx.rows(text, key=key, after=seq, upto=upto, type=type, n=n)]


def reach(tx: Tx, key: str | int, seq: int, n: int) -> tuple[int, int | None]:
    """How many of the next `n` events there are, and the last one's number."""
    row = tx.row(REACH_OF_RUN if isinstance(key, str) else REACH_OF_PROJECT, key=key, after=seq, n=n)
    return (row[0], row[1]) if row else (0, None)


def last(tx: Tx) -> int:
    """The number of the newest line of the whole server."""
    row = tx.row(LAST)
    return int(row[0]) if row else 0


def pruned(tx: Tx, project_id: int) -> int:
    """The highest number of the project's journal that was ever deleted."""
    row = tx.row(PRUNED, name=f"pruned:{project_id}")
    return int(row[0]) if row else 0


def set_pruned(tx: Tx, project_id: int, seq: int) -> None:
    """Remember that lines up to this number may be gone."""
    tx.run(SET_PRUNED, name=f"pruned:{project_id}", seq=seq)


def _from_row(row: tuple[object, ...]) -> Event:
    return Event(**dict(zip(FIELDS, row, strict=True)))  # type: ignore[arg-type]
