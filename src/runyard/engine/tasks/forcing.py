"""What operators force on runs of tasks, whoever has them: giving back, failing, trying again.

What an agent forces is counted. Nothing is written before everything that may be refused was decided.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from runyard.domain.actors import Doer
from runyard.domain.errors import DomainError, Invalid
from runyard.domain.moves import move
from runyard.domain.policy import SECOND, Failure
from runyard.domain.records import Json, Move, TaskMove
from runyard.domain.tasks import ENDED_STAGES, Stage
from runyard.engine import sizes
from runyard.engine.failures import told
from runyard.engine.runs import because
from runyard.engine.tasks import held
from runyard.engine.tasks.held import said_json
from runyard.engine.tasks.refusals import (
    AlreadyTerminal,
    BulkTooLarge,
    ForbiddenToAgents,
    ForcedTooOften,
    NotReleasable,
    ReasonRequired,
    StillActive,
)
from runyard.engine.tasks.views import RunSeen
from runyard.storage.port import Tx
from runyard.storage.statements import forcings as sql
from runyard.storage.statements import session_events

MOST_A_MINUTE = 10
"""How often an agent may force something on one task."""
MINUTE = 60 * SECOND
MOST_AT_ONCE = 50
METADATA = 16 << 10
SENTENCE = 16 << 10
FORCED = "operator_forced"
"""The kind of a failure that somebody forced."""


class Force(msgspec.Struct, frozen=True, kw_only=True):
    """Who forces something, and why."""

    project_id: int
    by: Doer
    agents_may: bool = True
    """Whether agents are allowed to at all."""
    reason: str = ""
    metadata: Json | None = None


def release(tx: Tx, run_id: str, force: Force) -> RunSeen:
    """Give a claimed run back to the queue. Raises `NotReleasable`, and what `check` and `count` raise."""
    return _only(release_many(tx, [run_id], force))


def fail(tx: Tx, run_id: str, force: Force) -> RunSeen:
    """End a queued or claimed run as failed.

    Raises `ReasonRequired`, `AlreadyTerminal`, `StillActive`, and what `check` and `count` raise.
    """
    return _only(fail_many(tx, [run_id], force))


def release_many(tx: Tx, ids: Sequence[str], force: Force) -> list[RunSeen | DomainError]:
    """`release` of each of these runs; what became of each, in their order. Raises `Invalid` and `BulkTooLarge`."""
    return _each(tx, ids, force, _releasing)


def fail_many(tx: Tx, ids: Sequence[str], force: Force) -> list[RunSeen | DomainError]:
    """`fail` of each of these runs; what became of each, in their order.

    Raises `Invalid`, `BulkTooLarge` and `ReasonRequired`.
    """
    if not force.reason:
        raise ReasonRequired("a run that is failed by force must be given a `reason`")
    return _each(tx, ids, force, _failing)


def _only(outcomes: Sequence[RunSeen | DomainError]) -> RunSeen:
    (outcome,) = outcomes
    if isinstance(outcome, DomainError):
        raise outcome
    return outcome


def _each(
    tx: Tx, ids: Sequence[str], force: Force, decide: Callable[[Tx, RunSeen, Force, int], Move]
) -> list[RunSeen | DomainError]:
    check_ids(ids)
    check_sizes(force)
    taken = held.take_all(tx, force.project_id, ids)
    refused = too_often(tx, force.project_id, force.by, [seen.task.id for seen in taken.values()])
    outcomes: dict[str, RunSeen | DomainError] = {}
    decided: list[RunSeen] = []
    for run_id in dict.fromkeys(ids):
        try:
            check_allowed(force)
            if run_id not in taken:
                raise held.unknown(run_id)
            if taken[run_id].task.id in refused:
                raise _too_often(tx)
            decide(tx, taken[run_id], force, 0)
            decided.append(taken[run_id])
        except DomainError as error:
            outcomes[run_id] = error
    if decided:
        _count(tx, force.project_id, force.by, [seen.task.id for seen in decided])
        inputs = session_events.cancel(tx, [one for seen in decided if (one := seen.row.session_id) is not None])
        moves = [decide(tx, seen, force, inputs.get(seen.row.session_id or "", 0)) for seen in decided]
        outcomes |= {seen.run.id: seen for seen in held.moved(tx, moves)}
    return [outcomes[run_id] for run_id in ids]


def check_ids(ids: Sequence[str]) -> None:
    """Raise `Invalid` for none, `BulkTooLarge` for too many."""
    if not ids:
        raise Invalid("`run_ids` must name at least one run")
    if len(ids) > MOST_AT_ONCE:
        raise BulkTooLarge(f"{len(ids)} runs are too many; name at most {MOST_AT_ONCE}")


def check_sizes(force: Force) -> None:
    """Raise `TooLarge` when what is said takes too much."""
    sizes.within(SENTENCE, "the reason", force.reason)
    sizes.within(METADATA, "the metadata", force.metadata)


def check_allowed(force: Force) -> None:
    """Raise `ForbiddenToAgents` when it is an agent who forces and none may."""
    if force.by.is_session and not force.agents_may:
        raise ForbiddenToAgents("agents may not force anything on this server (RUNYARD_AGENTS_MAY_FORCE is 0)")


def said_of(force: Force) -> dict[str, object]:
    """What every line about something forced says."""
    return {"manual": True, "actor_kind": force.by.actor.kind, "actor_id": force.by.actor.ref}


def _releasing(tx: Tx, seen: RunSeen, force: Force, canceled_inputs: int) -> Move:
    run, row = seen.run, seen.row
    if row.stage is not Stage.CLAIMED:
        raise NotReleasable(f"the run is {row.stage}; only a claimed one can be released by force")
    said = said_of(force) | {
        "reason": force.reason,
        "previous_session_id": row.session_id,
        "previous_claim_token_hash_truncated": (run.lease_hash or "")[:8],
        "previous_lease_until": run.lease_until,
        "canceled_queued_inputs": canceled_inputs,
    }
    one = move(run, "release", tx.now, actor=str(force.by.actor), data=because(force.reason))
    return one.for_task(TaskMove(by=force.by, said=said))


def _failing(tx: Tx, seen: RunSeen, force: Force, canceled_inputs: int) -> Move:
    run, row = seen.run, seen.row
    if row.stage in ENDED_STAGES:
        raise AlreadyTerminal(f"the run is {row.stage} already")
    if row.stage not in (Stage.QUEUED, Stage.CLAIMED):
        raise StillActive(f"the run is {row.stage}; only a queued or claimed one can be failed by force")
    said = said_of(force) | {
        "previous_status": row.stage,
        "reason": force.reason,
        "session_id": row.session_id,
        "canceled_queued_inputs": canceled_inputs,
        "metadata": said_json(force.metadata),
    }
    one = move(
        run,
        "force_fail",
        tx.now,
        actor=str(force.by.actor),
        data=because(force.reason),
        error=told(Failure(message=force.reason, kind=FORCED)),
        error_class=FORCED,
        lease_hash=None,
    )
    changes = {"failure_kind": FORCED}
    return one.for_task(TaskMove(by=force.by, event="task.run_operator_forced_fail", said=said, changes=changes))


def count(tx: Tx, project_id: int, doer: Doer, task_id: str) -> None:
    """Count something that is forced on the task. Raises `ForcedTooOften` when an agent does so too often in a minute.

    The task is locked, and whatever else may be refused was decided: this is the first thing written. People are not
    counted.
    """
    check_often(tx, project_id, doer, task_id)
    _count(tx, project_id, doer, [task_id])


def check_often(tx: Tx, project_id: int, doer: Doer, task_id: str) -> None:
    """Raise `ForcedTooOften` when this doer may force nothing more on the task in this minute."""
    if too_often(tx, project_id, doer, [task_id]):
        raise _too_often(tx)


def too_often(tx: Tx, project_id: int, doer: Doer, task_ids: Sequence[str]) -> set[str]:
    """The tasks on which this doer may force nothing more in this minute."""
    if not doer.is_session:
        return set()
    counts = sql.counts(tx, project_id, str(doer.actor), task_ids, tx.now // MINUTE)
    return {task_id for task_id, times in counts.items() if times >= MOST_A_MINUTE}


def _too_often(tx: Tx) -> ForcedTooOften:
    wait = 60 - tx.now % MINUTE // SECOND
    return ForcedTooOften(f"an agent may force {MOST_A_MINUTE} things a minute on a task; wait", retry_after=wait)


def _count(tx: Tx, project_id: int, doer: Doer, task_ids: Sequence[str]) -> None:
    if doer.is_session:
        sql.add(tx, project_id, str(doer.actor), task_ids, tx.now // MINUTE)
