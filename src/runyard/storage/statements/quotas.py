"""SQL of quotas: what projects limit, and bounded counts of what they have."""

from __future__ import annotations

from collections.abc import Sequence

from runyard.storage.port import Tx

SETTINGS = "SELECT id, settings FROM projects WHERE id {among ids} AND settings <> '{}'"
COUNT = "SELECT COUNT(*) FROM (SELECT 1 FROM runs WHERE project_id = :project_id AND state = :state LIMIT :n) AS found"
COST = "SELECT SUM(cost_micro_usd) FROM usage WHERE project_id = :project_id AND at >= :since AND at < :until"


def settings(tx: Tx, project_ids: Sequence[int]) -> dict[int, str]:
    """The settings of those projects that have any."""
    return {row[0]: row[1] for row in tx.rows(SETTINGS, ids=list(project_ids))}


def count(tx: Tx, project_id: int, state: str, n: int) -> int:
    """How many runs of the project are in the state, counted up to `n`."""
    row = tx.row(COUNT, project_id=project_id, state=state, n=n)
    return int(row[0]) if row else 0


def cost(tx: Tx, project_id: int, since: int, until: int) -> int:
    """What the project spent from `since` on and before `until`."""
    row = tx.row(COST, project_id=project_id, since=since, until=until)
    return int(row[0] or 0) if row else 0
