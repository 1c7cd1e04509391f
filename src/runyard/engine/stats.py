"""Counts of runs. They are taken when asked for, along indexes alone, and each stops at `COUNTED`.

So a count costs at most what `COUNTED` index entries cost, however many runs there are, and says when there are more;
nothing is counted where runs are made and moved.
"""

from __future__ import annotations

import msgspec

from runyard.domain.states import ENDED, LEASED, UNSUCCESSFUL, RunState
from runyard.engine import jobs
from runyard.storage.port import Tx
from runyard.storage.statements import stats as sql

COUNTED = 10_000
"""Where counting stops."""
CLASSES = 2000
"""How many classes of runs (queue, job, capabilities) are looked at for queues."""


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How many runs there are; what is in `more` has at least the number given."""

    states: dict[str, int]
    """In each state now."""
    outcomes: dict[str, int]
    """Ended since the time asked for: succeeded, failed, canceled."""
    ended: dict[str, int]
    """Ended since then, by state."""
    since: int
    more: list[str]
    """States, and outcomes as `ended:<state>`, of which there are more than were counted."""


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """How a queue stands; with `more` at least the numbers given."""

    queue: str
    ready: int
    held: int
    """Queued and not to be claimed yet: a retry's time, a limit, a pause, a dependency."""
    running: int
    """Held by executors."""
    oldest_ready_at: int | None
    """Since when the oldest run that may be claimed is queued (with ageing: the one that is next)."""
    more: bool


def counts(tx: Tx, project_id: int, *, since: int, job: str | None = None) -> Counts:
    """Runs by state now and by outcome since a time, of the project or of one job. Raises `NotFound` for the job."""
    job_id = jobs.get(tx, project_id, job).id if job is not None else None
    states = _by_state(tx, project_id, job_id)
    more = [state for state, count in states.items() if count >= COUNTED]
    ended: dict[str, int] = {}
    for state in sorted(ENDED):
        examined, count = sql.ended_since(tx, project_id, job_id, state.value, since, COUNTED)
        ended[state.value] = count
        if examined >= COUNTED:
            more.append(f"ended:{state.value}")
    summed = {
        "succeeded": ended[RunState.COMPLETED],
        "failed": sum(ended[state] for state in UNSUCCESSFUL),
        "canceled": ended[RunState.CANCELED],
    }
    return Counts(states=states, outcomes=summed, ended=ended, since=since, more=more)


def _by_state(tx: Tx, project_id: int, job_id: str | None) -> dict[str, int]:
    if job_id is None:
        return sql.by_state(tx, project_id, [state.value for state in RunState], COUNTED)
    live = sql.live_by_state(tx, job_id, COUNTED)
    ended = sql.ended_by_state(tx, job_id, sorted(state.value for state in ENDED), COUNTED)
    return {state.value: live.get(state.value, 0) + ended.get(state.value, 0) for state in RunState}


def queues(tx: Tx, project_id: int) -> list[Queue]:
    """Every queue that has runs which have not ended and are queued or held by executors, by name."""
    found: dict[str, Queue] = {}
    for one in sql.waiting(tx, project_id, COUNTED, CLASSES):
        queue = found.get(one.queue, _empty(one.queue))
        oldest = min((at for at in (queue.oldest_ready_at, one.oldest) if at is not None), default=None)
        found[one.queue] = msgspec.structs.replace(
            queue,
            ready=queue.ready + one.ready,
            held=queue.held + one.held,
            oldest_ready_at=oldest,
            more=queue.more or max(one.ready, one.held) >= COUNTED,
        )
    for state in sorted(LEASED):
        leased = sql.held(tx, project_id, state.value, COUNTED)
        capped = sum(leased.values()) >= COUNTED
        for name, count in leased.items():
            queue = found.get(name, _empty(name))
            found[name] = msgspec.structs.replace(queue, running=queue.running + count, more=queue.more or capped)
    return [found[name] for name in sorted(found)]


def _empty(name: str) -> Queue:
    return Queue(queue=name, ready=0, held=0, running=0, oldest_ready_at=None, more=False)
