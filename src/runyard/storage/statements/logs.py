"""SQL of logs."""

from __future__ import annotations

from runyard.domain.records import LogEntry
from runyard.storage.port import Tx

FIELDS = LogEntry.__struct_fields__
COLUMNS = ", ".join(FIELDS)
OF_RUN = f"SELECT {COLUMNS} FROM logs WHERE run_id = :run_id AND seq > :after ORDER BY seq LIMIT :n"
OF_RUN_SOME = (
    f"SELECT {COLUMNS} FROM logs WHERE run_id = :run_id AND seq > :after AND seq <= :upto {{kind}}ORDER BY seq LIMIT :n"
)
LEVEL = "AND level = :level "
TYPE = "AND type = :type "
FIRST_LATER = "SELECT seq FROM logs WHERE run_id = :run_id AND at > :at ORDER BY seq LIMIT 1"
NEWEST = "SELECT MAX(seq) FROM logs WHERE run_id = :run_id"
REACH = (
    "SELECT COUNT(*), MAX(seq) FROM "
    "(SELECT seq FROM logs WHERE run_id = :run_id AND seq > :after ORDER BY seq LIMIT :n) AS ahead"
)


def after(tx: Tx, run_id: str, seq: int, n: int) -> list[LogEntry]:
    """The run's first log lines after a sequence number, oldest first."""
    return [_from_row(row) for row in tx.rows(OF_RUN, run_id=run_id, after=seq, n=n)]


def after_of(
    tx: Tx, run_id: str, seq: int, upto: int, n: int, *, level: str | None, type: str | None
) -> list[LogEntry]:
    """The same, of one level or one type only and not beyond `upto`."""
    wanted = {name: value for name, value in (("level", level), ("type", type)) if value is not None}
    text = OF_RUN_SOME.format(kind=(LEVEL if "level" in wanted else "") + (TYPE if "type" in wanted else ""))
    return [_from_row(row) for row in tx.rows(text, run_id=run_id, after=seq, upto=upto, n=n, **wanted)]


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
