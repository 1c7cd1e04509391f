"""SQL of the logs of coding runs, and of what their followers are told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from runyard.storage.port import Row, Tx, Update

# All lists go along the primary keys of logs and chunks, (run_id, seq).
_TYPES = {"entries": "bigint", "relayed": "bigint", "ingested": "bigint", "streamed_at": "bigint"}
COUNT_ON = Update("coding_runs", _TYPES, {"run_id": "text"})
GONE = "SELECT task_id FROM coding_tasks WHERE task_id {among ids} AND deleted_at IS NOT NULL"
_SOME = "FROM logs WHERE run_id = :run_id AND seq > :after AND seq <= :upto "
_SIZE = "COALESCE(LENGTH(data), 0) + CASE WHEN whole IS NULL THEN LENGTH(message) ELSE 0 END"
_FIELDS = "seq, at, level, CASE WHEN whole IS NULL THEN message END, CASE WHEN whole IS NULL THEN NULL ELSE data END"
NEWEST = "SELECT MAX(seq) FROM logs WHERE run_id = :run_id"
HEADS = (
    "SELECT seq, at, stream, LENGTH(chunk), CASE WHEN stream = :logged THEN chunk END FROM chunks "
    "WHERE run_id = :run_id AND seq > :after ORDER BY seq LIMIT :n"
)
BETWEEN = "SELECT seq, stream, chunk FROM chunks WHERE run_id = :run_id AND seq >= :first AND seq <= :last ORDER BY seq"
OLDEST = "SELECT MIN(seq) FROM chunks WHERE run_id = :run_id"
BEFORE = "SELECT MAX(seq) FROM chunks WHERE run_id = :run_id AND at < :at"
STANDS = "SELECT r.state, c.streamed_at FROM runs r LEFT JOIN coding_runs c ON c.run_id = r.id WHERE r.id = :run_id"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which lines of a log are meant."""

    kinds: tuple[str, ...] | None = None
    """Of these kinds only."""
    without: tuple[str, ...] = ()
    """Of none of these."""
    later: int | None = None
    """Written later than this, by what they say themselves."""
    other: str = ""
    """The kind that lines of other writers count as."""


class Kept(msgspec.Struct, frozen=True, gc=False):
    """A line of a log: `data` as it was written, or else its level and message."""

    seq: int
    at: int
    level: str
    message: str | None
    data: str | None


class Head(msgspec.Struct, frozen=True, gc=False):
    """What stands in a run's chunks, without the thing itself; `said` is the text of those that only tell of lines."""

    seq: int
    at: int
    stream: str
    size: int
    said: str | None


def _where(wanted: Wanted) -> tuple[str, dict[str, Any]]:
    text = ""
    values: dict[str, Any] = {}
    kind = "CASE WHEN whole IS NULL THEN :other ELSE type END"
    if wanted.later is not None:
        text += "AND at > :later AND (whole IS NULL OR whole = 1) "
        values["later"] = wanted.later
    if wanted.kinds is not None:
        text += f"AND {kind} {{among kinds}} "
        values |= {"kinds": list(wanted.kinds), "other": wanted.other}
    if wanted.without:
        text += f"AND NOT ({kind} {{among without}}) "
        values |= {"without": list(wanted.without), "other": wanted.other}
    return text, values


def newest(tx: Tx, run_id: str) -> int:
    """The number of the log's last line, 0 without one."""
    row = tx.row(NEWEST, run_id=run_id)
    return int(row[0]) if row is not None and row[0] is not None else 0


def count(tx: Tx, run_id: str, wanted: Wanted, upto: int) -> int:
    """How many lines are meant."""
    text, values = _where(wanted)
    row = tx.row(f"SELECT COUNT(*) {_SOME}{text}", run_id=run_id, after=0, upto=upto, **values)
    return int(row[0]) if row is not None else 0


def place(tx: Tx, run_id: str, wanted: Wanted, upto: int, skipped: int) -> int | None:
    """The number of the line before which so many are; None where there are no more."""
    text, values = _where(wanted)
    sql = f"SELECT seq {_SOME}{text}ORDER BY seq LIMIT 1 OFFSET :skipped"
    row = tx.row(sql, run_id=run_id, after=0, upto=upto, skipped=skipped, **values)
    return None if row is None else int(row[0])


def sizes(tx: Tx, run_id: str, wanted: Wanted, after: int, upto: int, n: int) -> list[tuple[int, int]]:
    """(number, characters) of the next lines, oldest first."""
    text, values = _where(wanted)
    sql = f"SELECT seq, {_SIZE} {_SOME}{text}ORDER BY seq LIMIT :n"
    return [(row[0], row[1]) for row in tx.rows(sql, run_id=run_id, after=after, upto=upto, n=n, **values)]


def between(tx: Tx, run_id: str, wanted: Wanted, first: int, last: int) -> list[Kept]:
    """The lines from one number to another, oldest first."""
    text, values = _where(wanted)
    sql = f"SELECT {_FIELDS} {_SOME}{text}ORDER BY seq"
    return [Kept(*row) for row in tx.rows(sql, run_id=run_id, after=first - 1, upto=last, **values)]


def gone(tx: Tx, task_ids: Sequence[str]) -> set[str]:
    """Those of the tasks that were put out of sight."""
    return {row[0] for row in tx.rows(GONE, ids=list(task_ids))}


def count_on(tx: Tx, rows: Sequence[Row]) -> None:
    """Write (entries, relayed, ingested, streamed_at, run) of rows that this transaction has locked."""
    tx.update(COUNT_ON, rows)


def heads(tx: Tx, run_id: str, after: int, n: int, *, logged: str) -> list[Head]:
    """The run's next chunks without their texts, except of those of the stream `logged`; oldest first."""
    return [Head(*row) for row in tx.rows(HEADS, run_id=run_id, after=after, n=n, logged=logged)]


def texts(tx: Tx, run_id: str, first: int, last: int) -> dict[int, str]:
    """The texts of the run's chunks from one number to another."""
    return {row[0]: row[2] for row in tx.rows(BETWEEN, run_id=run_id, first=first, last=last)}


def oldest(tx: Tx, run_id: str) -> int | None:
    """The number of the run's oldest chunk, None without any."""
    row = tx.row(OLDEST, run_id=run_id)
    return None if row is None else row[0]


def before(tx: Tx, run_id: str, at: int) -> int:
    """The number of the run's last chunk before a time, 0 without one."""
    row = tx.row(BEFORE, run_id=run_id, at=at)
    return int(row[0]) if row is not None and row[0] is not None else 0


def stands(tx: Tx, run_id: str) -> tuple[str, int | None] | None:
    """(state, when its sandbox said that nothing more will come) of a run, None where it is gone."""
    row = tx.row(STANDS, run_id=run_id)
    return None if row is None else (row[0], row[1])
