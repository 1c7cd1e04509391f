"""SQL of logs."""

from __future__ import annotations

from runyard.domain.records import LogEntry
from runyard.storage.port import Tx

FIELDS = LogEntry.__struct_fields__
COLUMNS = ", ".join(FIELDS)
OF_RUN = f"SELECT {COLUMNS} FROM logs WHERE run_id = :run_id AND seq > :after ORDER BY seq LIMIT :n"
OF_RUN_LEVEL = (
    f"SELECT {COLUMNS} FROM logs WHERE run_id = :run_id AND seq > :after AND seq <= :upto AND level = :level "
    "ORDER BY seq LIMIT :n"
)
REACH = (
    "SELECT COUNT(*), MAX(seq) FROM "
    "(SELECT seq FROM logs WHERE run_id = :run_id AND seq > :after ORDER BY seq LIMIT :n) AS ahead"
)


def after(tx: Tx, run_id: str, seq: int, n: int) -> list[LogEntry]:
    """The run's first log lines after a sequence number, oldest first."""
    return [_from_row(row) for row in tx.rows(OF_RUN, run_id=run_id, after=seq, n=n)]


def after_of_level(tx: Tx, run_id: str, seq: int, upto: int, n: int, level: str) -> list[LogEntry]:
    """The same, of one level only and not beyond `upto`."""
    return [_from_row(row) for row in tx.rows(OF_RUN_LEVEL, run_id=run_id, after=seq, upto=upto, level=level, n=n)]


def reach(tx: Tx, run_id: str, seq: int, n: int) -> tuple[int, int | None]:
    """How many of the next `n` lines there are, and the last one's number."""
    row = tx.row(REACH, run_id=run_id, after=seq, n=n)
    return (row[0], row[1]) if row else (0, None)


def _from_row(row: tuple[object, ...]) -> LogEntry:
    return LogEntry(**dict(zip(FIELDS, row, strict=True)))  # type: ignore[arg-type]
