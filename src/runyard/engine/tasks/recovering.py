"""What the first server finds: runs that somebody took in hand without a lease, and what became of their sessions.

Sessions live outside of the server, and leases run out by themselves; runs without lease would stay as they are for
good when nobody comes back to them. Where another server is there all along, they are somebody's still.
"""

from __future__ import annotations

from typing import Any

from runyard.domain.actors import server
from runyard.domain.moves import move
from runyard.domain.records import Move, Run, TaskMove
from runyard.domain.sessions import Session
from runyard.domain.states import LEASED, RunState
from runyard.domain.tasks import Stage, TaskRun
from runyard.engine.tasks.settling import failed
from runyard.engine.transitions import apply
from runyard.storage.port import Tx
from runyard.storage.statements import runs as runs_sql
from runyard.storage.statements import sessions as sessions_sql
from runyard.storage.statements import task_runs as sql

EVENT = "task.run_recovered"
REASON = "server_start"
STARTER = server("server.start")
SLICE = 200


def recover(tx: Tx, after: str = "", limit: int = SLICE) -> str | None:
    """Look after a slice of the runs without lease, those behind an id; where the next begins, None at the end.

    A claimed run goes on when its session is there, and is queued again when it is not; one that was begun goes on or
    fails. A run that goes on already is left alone.
    """
    ids = sql.unleased(tx, after, limit)
    if not ids:
        return None
    runs = runs_sql.lock(tx, ids)
    rows = sql.get(tx, ids)
    there = sessions_sql.get(tx, sorted({row.session_id for row in rows.values() if row.session_id is not None}))
    moves = []
    for run_id in ids:
        run, row = runs.get(run_id), rows.get(run_id)
        if run is not None and row is not None and run.state in LEASED and run.lease_until is None:
            one = _recovered(run, row, there.get(row.session_id or ""), tx.now)
            moves += [one] if one is not None else []
    apply(tx, moves)
    return ids[-1]


def _recovered(run: Run, row: TaskRun, session: Session | None, now: int) -> Move | None:
    is_live = session is not None and session.is_live
    said: dict[str, Any] = {
        "previous_status": row.stage,
        "reason": REASON,
        "session_id": row.session_id,
        "session_state": session.state if session is not None else ("missing" if row.session_id else None),
    }
    if is_live:
        if run.state is RunState.RUNNING:
            return None
        said |= {"action": "mark_running", "classification": "session_live"}
        return move(run, "start", now, actor=str(STARTER.actor), started_at=run.started_at or now).for_task(
            TaskMove(by=STARTER, event=EVENT, said=said)
        )
    if row.stage is Stage.CLAIMED:
        said |= {"action": "requeue", "classification": "session_missing"}
        return move(run, "release", now, actor=str(STARTER.actor)).for_task(
            TaskMove(by=STARTER, event=EVENT, said=said)
        )
    said |= {"action": "fail", "classification": "orphan"}
    return failed(run, row, now, STARTER, event=EVENT, **said)
