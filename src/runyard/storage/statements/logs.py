"""SQL of logs."""

from __future__ import annotations

from runyard.domain.records import LogEntry
from runyard.storage.port import Tx, Value

FIELDS = LogEntry.__struct_fields__
COLUMNS = ", ".join(FIELDS)
SIZES = (
    "SELECT seq, LENGTH(message) + COALESCE(LENGTH(data), 0) FROM logs "
    "WHERE run_id = :run_id AND seq > :after {kind}ORDER BY seq LIMIT :n"
)
BETWEEN = f"SELECT {COLUMNS} FROM logs WHERE run_id = :run_id AND seq >= :first AND seq <= :last {{kind}}ORDER BY seq"
UPTO = "AND seq <= :upto "
LEVEL = "AND level = :level "
TYPE = "AND type = :type "
FIRST_LATER = "SELECT seq FROM logs WHERE run_id = :run_id AND at > :at ORDER BY seq LIMIT 1"
NEWEST = "SELECT MAX(seq) FROM logs WHERE run_id = :run_id"
REACH = (
    "SELECT COUNT(*), MAX(seq) FROM "
    "(SELECT seq FROM logs WHERE run_id = :run_id AND seq > :after ORDER BY seq LIMIT :n) AS ahead"
)


def sizes(
    tx: Tx, run_id: str, after: int, upto: int | None, n: int, *, level: str | None, type: str | None
) -> list[tuple[int, int]]:
    """(number, characters) of the run's first lines after a number, oldest first, perhaps of one kind and up to one."""
    kind, said = _kind(level, type)
    if upto is not None:
        kind, said = UPTO + kind, said | {"upto": upto}
    return [(row[0], row[1]) for row in tx.rows(SIZES.format(kind=kind), run_id=run_id, after=after, n=n, **said)]


def between(tx: Tx, run_id: str, first: int, last: int, *, level: str | None, type: str | None) -> list[LogEntry]:
    """The run's lines from one number to another, oldest first, perhaps of one kind."""
    kind, said = _kind(level, type)
    rows = tx.rows(BETWEEN.format(kind=kind), run_id=run_id, first=first, last=last, **said)
    return [_from_row(row) for row in rows]


def _kind(level: str | None, type: str | None) -> tuple[str, dict[str, Value]]:
    wanted: dict[str, Value] = {name: text for name, text in (("level", level), ("type", type)) if text is not None}
    return (LEVEL if level is not None else "") + (TYPE if type is not None else ""), wanted


def seq_at(tx: Tx, run_id: str, at: int) -> int:
    """The number before the first line that is later than the time; the last one when none is."""
    row = tx.row(FIRST_LATER, run_id=run_id, at=at)
    if row is not None:
        return int(row[0]) - 1
    newest = tx.row(NEWEST, run_id=run_id)
    return int(newest[0]) if newest and newest[0] is not None else 0


def reach(tx: Tx, run_id: str, seq: int, n: int) -> tuple[int, int | None]:
    """How many of the next `n` lines there are, and the last one's number."""
    row = tx.row(REACH, run_id=run_id, after=seq, n=n)
    return (row[0], row[1]) if row else (0, None)


def _from_row(row: tuple[object, ...]) -> LogEntry:
    return LogEntry(**dict(zip(FIELDS, row, strict=True)))  # type: ignore[arg-type]
