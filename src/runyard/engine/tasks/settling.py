"""Ends of sessions: a session that stops gives back what it held, in the same transaction.

A session is locked before what it holds, as by a claim, so that none slips in between the look and the end, and with it
those below it that stop with it. What it held is locked in the order of everything that moves runs, runs before tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from runyard.domain.actors import Doer, server
from runyard.domain.moves import move
from runyard.domain.policy import Failure
from runyard.domain.records import Move, Run, TaskMove
from runyard.domain.sessions import Session, SessionState
from runyard.domain.states import LEASED, RunState
from runyard.domain.tasks import TaskRun
from runyard.engine import sessions
from runyard.engine.failures import told
from runyard.engine.sessions import Stopping
from runyard.engine.tasks import desk, routing
from runyard.engine.tasks.timeline import note
from runyard.engine.transitions import apply
from runyard.storage.port import Tx
from runyard.storage.statements import runs as runs_sql
from runyard.storage.statements import session_events as events_sql
from runyard.storage.statements import sessions as sql
from runyard.storage.statements import task_runs as task_runs_sql
from runyard.storage.statements import tasks as tasks_sql

ORPHAN = "the session that worked on the run has stopped"
FORCED, OUT_OF_TIME, WITH_PARENT = "forced", "ttl_expired", "parent_stopped"
SWEEPER = server("sessions.sweep")
_stopping = msgspec.json.Decoder(Stopping).decode


def stop(tx: Tx, project_id: int, session_id: str, by: Doer, *, reason: str = "stopped", grace: int = 0) -> Session:
    """Stop a session: at once, or after asking it and waiting for the grace; one that has stopped stays as it is.

    Raises `NotFound`.
    """
    session = sessions.find(tx, project_id, session_id)
    if grace and session.state is not SessionState.STOPPED:
        return next(iter(sessions.ask_to_stop(tx, [session_id], by, grace=grace)), session)
    return next(iter(end(tx, [session_id], by, reason=reason)), session)


def end(tx: Tx, ids: Iterable[str], by: Doer, *, reason: str = "stopped", failure: str | None = None) -> list[Session]:
    """Stop sessions and settle what they held; those that are unknown or have stopped are passed over."""
    return _end(tx, ids, by, {}, reason=reason, failure=failure)


def sweep(tx: Tx, limit: int = 100) -> int:
    """Stop sessions whose time is up, or whose grace is over; how many there were."""
    found = sql.get(tx, sql.due(tx, limit))
    due = [one for one in found.values() if one.expires_at is not None and one.expires_at <= tx.now]
    reasons = {one.id: _reason(one) for one in due}
    return len(_end(tx, reasons, SWEEPER, reasons))


def _reason(session: Session) -> str:
    if session.state is SessionState.STOPPING:
        return FORCED
    return session.stop_reason or OUT_OF_TIME


def _end(
    tx: Tx,
    ids: Iterable[str],
    by: Doer,
    reasons: dict[str, str],
    *,
    reason: str = "stopped",
    failure: str | None = None,
) -> list[Session]:
    wanted = sorted(set(ids))
    # Before it is looked what they hold: a claim locks the session too, so none slips in between the look and the end.
    # Together with those that stop with them, as runs and tasks come after all sessions; one that is begun in this very
    # instant is locked late, and should that meet another head on, the database has one of the two done again.
    ours = sql.lock(tx, [*wanted, *sql.stopping_with(tx, wanted)])
    by_reason: dict[str, list[Session]] = {}
    for session in ours.values():
        if session.id in set(wanted) and session.state is not SessionState.STOPPED:
            by_reason.setdefault(reasons.get(session.id, reason), []).append(session)
    forced = {one.id: _stopping(one.stopping) for one in by_reason.get(FORCED, ()) if one.stopping is not None}
    held = task_runs_sql.held_by(tx, wanted)
    if held:
        _settle(tx, wanted, held, by, [one.task_id for one in forced.values()])
    if not by_reason:
        return []
    _tell_forced(tx, forced, by)
    stopped: list[Session] = []
    for why, group in by_reason.items():
        ended = {"state": SessionState.STOPPED, "stopped_at": tx.now, "expires_at": None, "stopping": None}
        after = [msgspec.structs.replace(one, **ended, stop_reason=why, failure=failure) for one in group]
        stopped += sessions.write(tx, after, "session_stopped", {"reason": why, "by": str(by.actor)})
    ended_ids = [one.id for one in stopped]
    events_sql.cancel(tx, ended_ids)
    routing.free(tx, ended_ids)
    # Sessions below them that stop with them: the sweep takes them in slices, from one level to the next.
    if sql.stop_soon(tx, ended_ids, WITH_PARENT):
        tx.wake("sessions")
    return stopped


def _settle(tx: Tx, ids: Sequence[str], held: dict[str, TaskRun], by: Doer, touched: Sequence[str]) -> None:
    """Give back leased runs; of the others, what was claimed is queued again, and what was begun fails.

    `touched` names further tasks that this transaction writes afterwards.
    """
    runs = runs_sql.lock(tx, sorted(row.run_id for row in held.values()))
    # Locked, they may be found with somebody else already.
    rows = [row for row in task_runs_sql.held_by(tx, ids).values() if row.run_id in runs]
    if touched:
        tasks_sql.lock(tx, sorted({*touched, *(row.task_id for row in rows)}))
    apply(tx, [_left(runs[row.run_id], row, tx.now, by) for row in rows if runs[row.run_id].state in LEASED])


def _left(run: Run, row: TaskRun, now: int, by: Doer) -> Move:
    """What becomes of a run whose session is gone."""
    said: dict[str, Any] = {"reason": "session_stopped"}
    if run.lease_hash is not None or run.state is RunState.CLAIMED:
        return move(run, "release", now, actor=str(by.actor), data=said).for_task(TaskMove(by=by, said=said))
    return failed(run, row, now, by)


def failed(run: Run, row: TaskRun, now: int, by: Doer, *, event: str | None = None, **said: Any) -> Move:
    """The run's failure for want of a session."""
    message = ORPHAN if row.session_id is not None else "no session works on the run"
    failure = told(Failure(message=message, kind="orphan"))
    move_on = TaskMove(by=by, event=event, said=said)
    return move(run, "fail", now, actor=str(by.actor), error=failure, error_class="orphan").for_task(move_on)


def _tell_forced(tx: Tx, forced: Mapping[str, Stopping], by: Doer) -> None:
    tasks = desk.touch(tx, [one.task_id for one in forced.values()]) if forced else {}
    for session_id, one in forced.items():
        if one.task_id in tasks:
            said = {
                "session_id": session_id,
                "grace_timeout_ms": one.grace // 1000,
                "propagated_from_task_id": one.propagated_from,
            }
            note(tx, tasks[one.task_id], "task.run_force_stopped", by, said, run_id=one.run_id)
