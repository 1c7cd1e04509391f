"""What operators force on runs of tasks, whoever has them: giving back, failing, trying again."""

from __future__ import annotations

from collections.abc import Sequence

from runyard.domain.actors import Doer
from runyard.domain.policy import SECOND
from runyard.engine.tasks.refusals import ForcedTooOften
from runyard.storage.port import Tx
from runyard.storage.statements import forcings as sql

MOST_A_MINUTE = 10
"""How often an agent may force something on one task."""
MINUTE = 60 * SECOND


def count(tx: Tx, project_id: int, doer: Doer, task_id: str) -> None:
    """Count something that is forced on the task. Raises `ForcedTooOften` when an agent does so too often in a minute.

    The task is locked, and whatever else may be refused was decided: this is the first thing written. People are not
    counted.
    """
    check_often(tx, project_id, doer, [task_id])
    if doer.is_session:
        sql.add(tx, project_id, str(doer.actor), [task_id], tx.now // MINUTE)


def check_often(tx: Tx, project_id: int, doer: Doer, task_ids: Sequence[str]) -> None:
    """Raise `ForcedTooOften` when an agent has forced enough on one of these tasks in this minute."""
    if any(too_often(tx, project_id, doer, task_ids)):
        raise ForcedTooOften(
            f"an agent may force {MOST_A_MINUTE} things a minute on a task; wait",
            retry_after=60 - tx.now % MINUTE // SECOND,
        )


def too_often(tx: Tx, project_id: int, doer: Doer, task_ids: Sequence[str]) -> set[str]:
    """The tasks on which this doer may force nothing more in this minute."""
    if not doer.is_session:
        return set()
    counts = sql.counts(tx, project_id, str(doer.actor), task_ids, tx.now // MINUTE)
    return {task_id for task_id, times in counts.items() if times >= MOST_A_MINUTE}
