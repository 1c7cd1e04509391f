"""Writing moves: the run's row, its line in the journal, its attempt, its lanes, and what hangs on its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from runyard.domain.coding import EXECUTOR as SANDBOX
from runyard.domain.moves import changed, move
from runyard.domain.records import Json, Move, Run
from runyard.domain.states import ENDED, EVENT_OF_VERB, LEASED, RESOLVABLE, RunState
from runyard.domain.tasks import Task
from runyard.domain.waits import WaitState
from runyard.engine import agent_runs, deliveries, dependents, lanes, news, parents
from runyard.engine.coding import following as coding
from runyard.engine.ledger import journal, wake
from runyard.engine.tasks import following
from runyard.engine.tasks.following import Beside, Followed
from runyard.storage.port import JournalLine, Tx
from runyard.storage.statements import approvals, attempts, event_waits, runs

_json = msgspec.json.Encoder()

OUTCOME_OF_VERB = {
    "complete": "completed",
    "retry": "failed",
    "fail": "failed",
    "bury": "failed",
    "time_out": "timed_out",
    "crash": "crashed",
    "system_fail": "system_failed",
    "release": "released",
    "reclaim": "lost",
    "park": "waiting",
    "pause": "paused",
    "restart": "restarted",
    "cancel": "canceled",
    "force_fail": "failed",
    "withdraw": "withdrawn",
}

_REASONS = {
    "children": "children ended",
    "descendants": "descendants ended",
    "dependency": "dependencies met",
    "event": "event received",
    "decision": "decided",
    "rate": "its turn",
}
_NAMED = frozenset({"event", "descendants"})
"""Kinds of waiting beside which there is a wait for an event."""
_CLOSED_BY = {"wake": WaitState.RECEIVED, "time_out": WaitState.TIMED_OUT}
"""What becomes of a wait for an event that a run leaves by this verb; it is canceled by any other."""


def apply(tx: Tx, moves: Sequence[Move]) -> list[Run]:
    """Write the moves of runs this transaction has locked (each run once); the runs as they stand now, in order."""
    return apply_to_tasks(tx, moves)[0]


def apply_to_tasks(
    tx: Tx, moves: Sequence[Move], locked: Mapping[str, Task] | None = None
) -> tuple[list[Run], Followed]:
    """`apply`, and what it did to the tasks of the runs; `locked` are all these, where they are locked already."""
    followed_by = Followed()
    if not moves:
        return [], followed_by
    beside: Beside | None = None
    if any(one.before.task_id is not None for one in moves):
        moves = following.held(tx, moves)
        beside = following.beside(tx, moves, locked)
    ended = [one for one in moves if one.after.state in ENDED and one.before.state not in ENDED]
    news.listen(tx, [one.after for one in ended])
    # All is read by now that most moves need, so that nobody waits for what is written from here on.
    after, freed = lanes.place(tx, moves)
    runs.save(tx, [one.before for one in moves], after)
    _attempts(tx, moves)
    _close_waits(tx, moves)
    for one in moves:
        run = one.after
        tx.emit(JournalLine(run.project_id, run.id, EVENT_OF_VERB[one.verb], one.actor, _data(one)))
    if beside is not None:
        followed_by = following.follow(tx, moves, beside)
    coded = [one for one in moves if one.after.executor == SANDBOX]
    if coded:
        coding.follow(tx, coded)
    watched = [(one.before, run) for one, run in zip(moves, after, strict=True) if run.agent]
    followed = agent_runs.follow(tx, watched) if watched else []
    wake(tx, after)
    if freed:
        lanes.refill(tx, freed)
    over = [one.after for one in ended]
    news.of_moves(tx, over, [run for _, run in watched], followed)
    if over:
        _after_end(tx, over)
    return after, followed_by


def _data(one: Move) -> Json:
    """What the journal says of the move."""
    before, after = one.before, one.after
    if not one.data:
        return _bare(before.state, after.state, before.attempt)
    return _json.encode({"from": before.state, "to": after.state, "attempt": before.attempt, **one.data}).decode()


@lru_cache(maxsize=1024)
def _bare(before: RunState, after: RunState, attempt: int) -> Json:
    # Most moves have no more to say, and few ways are taken by nearly all of them.
    return _json.encode({"from": before, "to": after, "attempt": attempt}).decode()


def _attempts(tx: Tx, moves: Sequence[Move]) -> None:
    opened, closed = [], []
    for one in moves:
        before, after = one.before, one.after
        if one.verb == "claim":
            opened.append((after.id, after.epoch, after.attempt, after.executor, after.worker, after.claimed_at))
        elif before.state in LEASED and after.state not in LEASED:
            outcome = one.data.get("outcome") or OUTCOME_OF_VERB[one.verb]
            failed = one.verb not in {"complete", "release", "park", "pause", "restart", "cancel", "withdraw"}
            closed.append(
                (
                    after.started_at if after.state in ENDED else before.started_at,
                    tx.now,
                    outcome,
                    after.error if failed else None,
                    after.error_class if failed else None,
                    before.id,
                    before.epoch,
                )
            )
    if opened:
        tx.insert(attempts.OPEN, opened)
    if closed:
        tx.update(attempts.CLOSE, closed)


def _after_end(tx: Tx, ended: Sequence[Run]) -> None:
    end_waits(tx, [*parents.freed(tx, ended), *dependents.freed(tx, ended)])
    deliveries.ended(tx, ended)
    replayed = {run.replay_of: run for run in ended if run.replay_of is not None and run.state is RunState.COMPLETED}
    for original_id, replay in replayed.items():
        _resolve_chain(tx, original_id, replay)


def end_waits(tx: Tx, over: Sequence[Run], reason: str | None = None) -> list[Run]:
    """Let runs go on that have what they waited for: those that wait are queued, paused ones will be when resumed.

    A time to live counts from now on again.
    """
    waking = [run for run in over if run.state is RunState.WAITING]
    moves = [
        move(run, "wake", tx.now, data={"reason": reason or _REASONS[run.waiting_for.kind]}, **_lives_on(run, tx.now))
        for run in waking
        if run.waiting_for is not None
    ]
    paused = [run for run in over if run.state is RunState.PAUSED]
    kept = [changed(run, waiting_for=None, updated_at=tx.now) for run in paused]
    runs.save(tx, paused, kept)
    event_waits.close(tx, [run.id for run in paused if run.waiting_for and run.waiting_for.key], WaitState.RECEIVED)
    return [*apply(tx, moves), *kept]


def _lives_on(run: Run, now: int) -> dict[str, Any]:
    ttl = run.time_to_live
    if ttl is None or (run.waiting_for is not None and run.waiting_for.kind == "children"):
        return {}
    return {"expires_at": now + ttl}


def _close_waits(tx: Tx, moves: Sequence[Move]) -> None:
    """Close the waits for events, and the approvals, of runs that wait for them no longer."""
    closed: dict[WaitState, list[str]] = {}
    undecided: list[str] = []
    for one in moves:
        wait = one.before.waiting_for
        if wait is None or one.after.waiting_for is not None:
            continue
        if wait.kind in _NAMED:
            closed.setdefault(_CLOSED_BY.get(one.verb, WaitState.CANCELED), []).append(one.before.id)
        elif wait.kind == "decision" and one.verb != "wake":
            undecided.append(one.before.id)
    for state, ids in closed.items():
        event_waits.close(tx, ids, state)
    if undecided:
        approvals.cancel(tx, undecided)


def _resolve_chain(tx: Tx, run_id: str | None, replay: Run) -> None:
    for _ in range(20):
        if run_id is None:
            return
        original = runs.lock(tx, [run_id]).get(run_id)
        if original is None:
            return
        if original.state in RESOLVABLE and original.resolved_at is None:
            resolve(tx, [original], actor=None, resolution={"kind": "replayed", "run_id": replay.id})
        run_id = original.replay_of


def resolve(tx: Tx, runs_now: Sequence[Run], *, actor: str | None, resolution: dict[str, Any]) -> list[Run]:
    """Mark unsuccessful runs as handled; their states stay."""
    text = _json.encode(resolution | ({"by": actor} if actor else {})).decode()
    after = [changed(run, resolved_at=tx.now, resolution=text, updated_at=tx.now) for run in runs_now]
    runs.save(tx, runs_now, after)
    for run in after:
        journal(tx, run, "run.resolved", actor, resolution)
    return after
