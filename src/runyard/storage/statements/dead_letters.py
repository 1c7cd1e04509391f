"""SQL of dead letters."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.storage.port import Tx

CAUSES = """
    SELECT id, job_name, error_class, substr(error, 1, 2000), finished_at FROM runs
    WHERE id {among ids} ORDER BY id DESC"""

# The order says NULLS FIRST for the reason given in `listing`.
OLDEST = "SELECT id FROM runs WHERE project_id = :project_id AND state = 'dead_letter' ORDER BY id NULLS FIRST LIMIT :n"


class Cause(msgspec.Struct, frozen=True):
    """Why a run lies in the dead letter; of its error only the beginning."""

    run_id: str
    job: str | None
    error_class: str | None
    error: str | None
    finished_at: int


def causes(tx: Tx, ids: Sequence[str]) -> list[Cause]:
    """The causes of the runs, newest run first."""
    return [Cause(*row) for row in tx.rows(CAUSES, ids=list(ids))]


def oldest(tx: Tx, project_id: int, n: int) -> list[str]:
    """The ids of the project's first dead letters, oldest run first."""
    return [row[0] for row in tx.rows(OLDEST, project_id=project_id, n=n)]
