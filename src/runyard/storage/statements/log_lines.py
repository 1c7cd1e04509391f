"""SQL of a run's log narrowed by gravity and time, in the order in which its lines came (the primary key)."""

from __future__ import annotations

from runyard.domain.levels import WORDS
from runyard.domain.records import LogEntry
from runyard.storage.port import Tx, Value
from runyard.storage.statements.logs import COLUMNS, FIELDS

_OF_RUN = "FROM logs WHERE run_id = :run_id"
_SINCE = " AND at >= :since"
_AMONG = " AND LOWER(level) {among words}"
_BUT = " AND NOT LOWER(level) {among words}"
_SIZE = "LENGTH(message) + COALESCE(LENGTH(data), 0)"


def sizes(tx: Tx, run_id: str, *, level: str | None, since: int | None, n: int) -> list[tuple[int, int]]:
    """The first `n` lines of that gravity that were written at a time or later: their numbers and sizes."""
    condition, said = _narrowed(level, since)
    text = f"SELECT seq, {_SIZE} {_OF_RUN}{condition} ORDER BY seq LIMIT :n"
    return [(row[0], row[1]) for row in tx.rows(text, run_id=run_id, n=n, **said)]


def between(tx: Tx, run_id: str, first: int, last: int, *, level: str | None, since: int | None) -> list[LogEntry]:
    """The same lines, from one number to another."""
    condition, said = _narrowed(level, since)
    text = f"SELECT {COLUMNS} {_OF_RUN} AND seq >= :first AND seq <= :last{condition} ORDER BY seq"
    rows = tx.rows(text, run_id=run_id, first=first, last=last, **said)
    return [LogEntry(**dict(zip(FIELDS, row, strict=True))) for row in rows]


def _narrowed(level: str | None, since: int | None) -> tuple[str, dict[str, Value]]:
    text, said = "", dict[str, Value]()
    if since is not None:
        text, said["since"] = _SINCE, since
    if level is not None:
        text += _AMONG if level in WORDS else _BUT
        said["words"] = [*WORDS[level]] if level in WORDS else [word for words in WORDS.values() for word in words]
    return text, said
