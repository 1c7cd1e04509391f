"""SQL of debug bundles: the end of a run's log."""

from __future__ import annotations

from runyard.domain.records import LogEntry
from runyard.storage.port import Tx

FIELDS = LogEntry.__struct_fields__
SIZES = (
    "SELECT seq, LENGTH(message) + COALESCE(LENGTH(data), 0) FROM logs "
    "WHERE run_id = :run_id ORDER BY seq DESC LIMIT :n"
)
SINCE = f"SELECT {', '.join(FIELDS)} FROM logs WHERE run_id = :run_id AND seq >= :first ORDER BY seq DESC LIMIT :n"


def sizes(tx: Tx, run_id: str, n: int) -> list[tuple[int, int]]:
    """(number, characters) of the run's last log lines, newest first."""
    return [(row[0], row[1]) for row in tx.rows(SIZES, run_id=run_id, n=n)]


def since(tx: Tx, run_id: str, first: int, n: int) -> list[LogEntry]:
    """The run's log lines from this number on, newest first."""
    rows = tx.rows(SINCE, run_id=run_id, first=first, n=n)
    return [LogEntry(**dict(zip(FIELDS, row, strict=True))) for row in rows]
