"""SQL of sandboxes: the runs that have one now."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.domain.coding import EXECUTOR, INSIDE
from runyard.domain.states import LEASED
from runyard.storage.port import Tx


class Held(msgspec.Struct, frozen=True):
    """A run in a sandbox. Built from rows by position."""

    run_id: str
    task_id: str
    state: str
    worker: str | None
    claimed_at: int | None
    shared: str
    """What server and agent share, as JSON."""


# By the index `runs_state`, among what executors hold now, which is little whatever the history.
_OF_STATE = (
    "SELECT * FROM (SELECT r.id, c.task_id, r.state, r.worker, r.claimed_at, c.state AS shared FROM runs r "
    "JOIN coding_runs c ON c.run_id = r.id WHERE r.project_id = :project_id AND r.state = '#' AND r.id > :after "
    f"AND r.executor = '{EXECUTOR}' AND r.queue = '{INSIDE}' ORDER BY r.id LIMIT :n) AS #"
)
PAGE = (
    "SELECT * FROM ("
    + " UNION ALL ".join(_OF_STATE.replace("#", state.value) for state in sorted(LEASED))
    + ") AS held ORDER BY id LIMIT :n"
)
# By the index of the runs' samples; each has a few an hour.
MEMORY = (
    "SELECT run_id, memory_mb FROM resource_samples WHERE id IN "
    "(SELECT MAX(id) FROM resource_samples WHERE run_id {among ids} GROUP BY run_id)"
)


def page(tx: Tx, project_id: int, *, after: str, n: int) -> list[Held]:
    """The project's runs in sandboxes behind an id, oldest first."""
    return [Held(*row) for row in tx.rows(PAGE, project_id=project_id, after=after, n=n)]


def memory(tx: Tx, run_ids: Sequence[str]) -> dict[str, float]:
    """What each of the runs held in MiB when it was last looked at; unknown ones are absent."""
    rows = tx.rows(MEMORY, ids=list(run_ids)) if run_ids else []
    return {row[0]: row[1] for row in rows if row[1] is not None}
