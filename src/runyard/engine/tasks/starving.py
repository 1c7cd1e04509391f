"""Queued runs that nobody takes: sessions that could are told, then the timeline tells, then the run needs attention.

A run is looked after once a cycle, whoever looks. What its task holds up is not looked after, and keeps its count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from runyard.domain.actors import server
from runyard.domain.eligibility import Offer, conditions
from runyard.domain.moves import move
from runyard.domain.policy import SECOND, Failure
from runyard.domain.records import Move, Run, TaskMove
from runyard.domain.sessions import Session
from runyard.domain.tasks import Task, TaskRun
from runyard.engine import sessions
from runyard.engine.failures import told
from runyard.engine.tasks import desk, forcing
from runyard.engine.tasks.timeline import note
from runyard.engine.transitions import apply
from runyard.storage.port import Tx
from runyard.storage.statements import forcings as forcings_sql
from runyard.storage.statements import runs as runs_sql
from runyard.storage.statements import schedulers as schedulers_sql
from runyard.storage.statements import session_work
from runyard.storage.statements import sessions as sessions_sql
from runyard.storage.statements import starvation as sql
from runyard.storage.statements import task_runs as task_runs_sql
from runyard.storage.statements import tasks as tasks_sql

SLICE = 500
MOST_TOLD = 100
"""So many sessions of a workspace are told in one pass that work waits."""
EVENT = "work_available"
KIND = "starved"
_BY = server("scheduler.starvation")
_tokens = msgspec.json.Decoder(tuple[str, ...]).decode


class Ladder(msgspec.Struct, frozen=True, kw_only=True):
    """When what is done about a run that nobody takes; times are microseconds."""

    after: int = 120 * SECOND
    """How long a run may wait before it is looked after."""
    cycle: int = 15 * SECOND
    """How long after a look comes the next."""
    told: int = 6
    """With which look the timeline tells of it."""
    parked: int = 10
    """With which look the run needs attention."""


def projects(tx: Tx, ladder: Ladder) -> list[int]:
    """The projects in which runs are to be looked after."""
    return sql.projects(tx, tx.now - ladder.after)


def look(tx: Tx, project_id: int, ladder: Ladder, limit: int = SLICE) -> int:
    """Look after the runs that wait longest (at most `limit`); how many there were."""
    if schedulers_sql.get(tx, project_id).paused_at is not None:
        return 0
    rows = sql.take(tx, project_id, tx.now - ladder.after, limit)
    if not rows:
        return 0
    runs = runs_sql.get(tx, [row.run_id for row in rows])
    looked = [_looked(tx, row, runs[row.run_id], ladder) for row in rows]
    task_runs_sql.save(tx, rows, looked)
    starving = [row for row in looked if row.look_at is not None]
    tasks = tasks_sql.get(tx, [row.task_id for row in starving])
    to_tell = [row for row in starving if row.starved == ladder.told]
    touched = desk.touch(tx, [row.task_id for row in to_tell]) if to_tell else {}
    for row in to_tell:
        _tell_timeline(tx, touched[row.task_id], row)
    parked = [row for row in starving if row.starved >= ladder.parked]
    apply(tx, [_parked(tx, runs[row.run_id], row) for row in parked])
    _tell_sessions(tx, [(runs[row.run_id], tasks[row.task_id]) for row in starving if row.starved < ladder.parked])
    return len(rows)


def _looked(tx: Tx, row: TaskRun, run: Run, ladder: Ladder) -> TaskRun:
    if run.hold is not None:
        return msgspec.structs.replace(row, look_at=None)
    return msgspec.structs.replace(row, starved=row.starved + 1, look_at=tx.now - ladder.after + ladder.cycle)


def _tell_timeline(tx: Tx, task: Task, row: TaskRun) -> None:
    said = {
        "queued_at": row.queued_at,
        "queued_age_ms": (tx.now - row.queued_at) // 1000,
        "coordination_channel": row.coordination,
    }
    note(tx, task, "task.run_starved", _BY, said, run_id=row.run_id)


def _parked(tx: Tx, run: Run, row: TaskRun) -> Move:
    age = (tx.now - row.queued_at) // SECOND
    text = f"no session took the run in {age} s, though it was looked for one {row.starved} times"
    wanted = [token.partition("\n")[0] for token in _tokens(run.requires)] if run.requires else []
    diagnostic = f"{text}; it asks for {', '.join(wanted)}" if wanted else text
    error = told(Failure(message=diagnostic, kind=KIND))
    one = move(run, "starve", tx.now, actor=str(_BY.actor), error=error, error_class=KIND)
    return one.for_task(TaskMove(by=_BY, said={"diagnostic": diagnostic}))


def _tell_sessions(tx: Tx, starving: Sequence[tuple[Run, Task]]) -> None:
    """Tell sessions that have nothing to do how many of these runs they could have."""
    kinds: dict[str | None, Counter[str | None]] = {}
    for run, task in starving:
        kinds.setdefault(task.workspace_id, Counter())[run.requires] += 1
    offered: dict[str, int] = {}
    for workspace_id, waiting in kinds.items():
        for session in session_work.idle(tx, starving[0][1].project_id, workspace_id, MOST_TOLD):
            offer = _offer(session)
            count = sum(n for requires, n in waiting.items() if conditions(_tokens(requires or "[]")).met_by(offer))
            if count:
                offered[session.id] = count
    # Runs are locked by now, and sessions come before them: those that somebody is at hear of it the next time.
    locked = sessions_sql.lock_free(tx, list(offered)) if offered else {}
    for count in sorted(set(offered.values())):
        found = [session for one, session in locked.items() if offered[one] == count and session.is_live]
        sessions.write(tx, found, EVENT, {"runs": count})


def _offer(session: Session) -> Offer:
    return Offer(
        session_id=session.id,
        agent=session.agent,
        workspace_id=session.workspace_id,
        channel=session.channel,
        capabilities=sessions.capabilities_of(session),
    )


def forget(tx: Tx) -> None:
    """Forget how often agents forced something in minutes that are over."""
    forcings_sql.forget(tx, tx.now // forcing.MINUTE - 1)
