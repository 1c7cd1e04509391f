"""Writing moves: the run's row, its line in the journal, its attempt, its lanes, and what hangs on its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from runyard.domain.moves import changed, move
from runyard.domain.records import Move, Run
from runyard.domain.states import ENDED, EVENT_OF_VERB, LEASED, RESOLVABLE, RunState
from runyard.engine import lanes
from runyard.storage.port import JournalLine, Tx
from runyard.storage.statements import attempts, runs

_json = msgspec.json.Encoder()

CLOSE = 2_000_000
"""Deadlines nearer than this wake the timer, which otherwise looks about once a second."""

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
}


def apply(tx: Tx, moves: Sequence[Move]) -> list[Run]:
    """Write the moves of runs this transaction has locked (each run once); the runs as they stand now, in order."""
    if not moves:
        return []
    after, freed = lanes.place(tx, moves)
    runs.save(tx, [one.before for one in moves], after)
    _attempts(tx, moves)
    for one in moves:
        journal(tx, one.after, EVENT_OF_VERB[one.verb], one.actor, _data(one))
    wake(tx, after)
    if freed:
        lanes.refill(tx, freed)
    ended = [one.after for one in moves if one.after.state in ENDED and one.before.state not in ENDED]
    if ended:
        _after_end(tx, ended)
    return after


def wake(tx: Tx, runs_now: Sequence[Run]) -> None:
    """Wake claimers where work became ready, and the timer where a deadline is close."""
    for run in runs_now:
        if run.state is RunState.QUEUED and run.hold is None:
            tx.wake(f"ready:{run.project_id}")
        if run.due_at is not None and run.due_at < tx.now + CLOSE:
            tx.wake("timer")


def journal(tx: Tx, run: Run, event: str, actor: str | None, data: dict[str, Any]) -> None:
    """Append one line about the run to the journal."""
    tx.emit(JournalLine(run.project_id, run.id, event, actor, _json.encode(data).decode()))


def _data(one: Move) -> dict[str, Any]:
    data: dict[str, Any] = {"from": one.before.state.value, "to": one.after.state.value, "attempt": one.before.attempt}
    return data | one.data if one.data else data


def _attempts(tx: Tx, moves: Sequence[Move]) -> None:
    opened, closed = [], []
    for one in moves:
        before, after = one.before, one.after
        if one.verb == "claim":
            opened.append((after.id, after.epoch, after.attempt, after.executor, after.worker, after.claimed_at))
        elif before.state in LEASED and after.state not in LEASED:
            outcome = one.data.get("outcome") or OUTCOME_OF_VERB[one.verb]
            failed = one.verb not in {"complete", "release", "park", "pause", "restart", "cancel"}
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
    parents = {run.parent_id for run in ended if run.parent_id is not None}
    if parents:
        _wake_parents(tx, parents)
    replayed = {run.replay_of: run for run in ended if run.replay_of is not None and run.state is RunState.COMPLETED}
    for original_id, replay in replayed.items():
        _resolve_chain(tx, original_id, replay)


def _wake_parents(tx: Tx, parents: set[str]) -> None:
    # Lock first, look second: of two transactions that end the last two children, the later one sees both ended.
    waiting = [
        run
        for run in runs.lock(tx, sorted(parents)).values()
        if run.waiting_for is not None and run.waiting_for.kind == "children"
    ]
    if not waiting:
        return
    open_parents = {row[0] for row in tx.rows(runs.PARENT_OPEN, ids=[run.id for run in waiting])}
    done = [run for run in waiting if run.id not in open_parents]
    apply(tx, [move(run, "wake", tx.now, data={"reason": "children ended"}) for run in done if _waits(run)])
    paused = [run for run in done if run.state is RunState.PAUSED]
    runs.save(tx, paused, [changed(run, waiting_for=None) for run in paused])


def _waits(run: Run) -> bool:
    return run.state is RunState.WAITING


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
