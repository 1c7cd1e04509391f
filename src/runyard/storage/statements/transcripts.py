"""SQL of logs as text, in the order in which their lines came (the primary key)."""

from __future__ import annotations

from typing import NamedTuple

from runyard.storage.port import Tx

SIZES = "SELECT seq, LENGTH(message) FROM logs WHERE run_id = :run_id AND seq > :after ORDER BY seq LIMIT :n"
BETWEEN = "SELECT at, level, message FROM logs WHERE run_id = :run_id AND seq >= :first AND seq <= :last ORDER BY seq"


class Said(NamedTuple):
    """A line of a log without what programs add to it."""

    at: int
    level: str
    message: str


def sizes(tx: Tx, run_id: str, after: int, n: int) -> list[tuple[int, int]]:
    """(number, characters) of the run's next lines, oldest first."""
    return [(row[0], row[1]) for row in tx.rows(SIZES, run_id=run_id, after=after, n=n)]


def between(tx: Tx, run_id: str, first: int, last: int) -> list[Said]:
    """The lines from one number to another."""
    return [Said(*row) for row in tx.rows(BETWEEN, run_id=run_id, first=first, last=last)]
