"""SQL of attempts."""

from __future__ import annotations

from collections.abc import Sequence

from runyard.domain.records import Attempt
from runyard.storage.port import Insert, Tx, Update

FIELDS = Attempt.__struct_fields__
OPEN = Insert(
    "attempts",
    {
        "run_id": "text",
        "epoch": "bigint",
        "attempt": "bigint",
        "executor": "text",
        "worker": "text",
        "claimed_at": "bigint",
    },
)
CLOSE = Update(
    "attempts",
    {"started_at": "bigint", "ended_at": "bigint", "outcome": "text", "error": "text", "error_class": "text"},
    {"run_id": "text", "epoch": "bigint"},
)
OF_RUN = f"SELECT {', '.join(FIELDS)} FROM attempts WHERE run_id = :run_id AND epoch > :after ORDER BY epoch LIMIT :n"

BEGUN = "SELECT DISTINCT run_id FROM attempts WHERE run_id {among ids} AND started_at IS NOT NULL"


def of_run(tx: Tx, run_id: str, *, after: int, n: int) -> list[Attempt]:
    """The attempts of a run, oldest first."""
    return [Attempt(**dict(zip(FIELDS, row, strict=True))) for row in tx.rows(OF_RUN, run_id=run_id, after=after, n=n)]


def begun(tx: Tx, ids: Sequence[str]) -> set[str]:
    """Which of the runs somebody has begun to work on, in an attempt that is over."""
    return {row[0] for row in tx.rows(BEGUN, ids=list(ids))} if ids else set()
