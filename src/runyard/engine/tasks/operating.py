"""Runs of tasks worked on without a lease: claimed, started, bound to a session and ended by people and programs."""

from __future__ import annotations

import msgspec

from runyard.domain.actors import Doer
from runyard.domain.errors import Conflict, Forbidden, Invalid
from runyard.domain.moves import move
from runyard.domain.policy import Failure
from runyard.domain.records import Json, Move, TaskMove
from runyard.domain.sessions import Session
from runyard.domain.tasks import Stage, Task, TaskStatus
from runyard.engine import sessions, sizes
from runyard.engine.failures import told
from runyard.engine.sessions import NewSession
from runyard.engine.tasks import documents, held, queueing
from runyard.engine.tasks.held import said_json
from runyard.engine.tasks.timeline import note
from runyard.engine.tasks.views import RunSeen
from runyard.storage.port import Tx
from runyard.storage.statements import sessions as sessions_sql
from runyard.storage.statements import task_runs as task_runs_sql

AGENT = "worker"
"""The agent of a session for a task that asks for none."""


def claim(tx: Tx, project_id: int, run_id: str, by: Doer, *, key: str | None = None) -> RunSeen:
    """Take a queued run without lease or session, though its task or the scheduler be paused.

    Raises `Invalid` when an agent sends no key, `NotFound`, `Conflict`, and `Forbidden` where the owner is another.
    """
    _check_key(by, key)
    seen = held.take(tx, project_id, run_id)
    _check_executable(seen.task)
    one = move(
        seen.run,
        "claim",
        tx.now,
        actor=str(by.actor),
        epoch=seen.run.epoch + 1,
        worker=str(by.actor),
        claimed_at=tx.now,
        heartbeat_at=None,
        started_at=None,
        lease_hash=None,
        lease_until=None,
    )
    _check_owner(seen.task, by)
    seat = {"session_id": None, "claimer_kind": by.actor.kind, "claimer_ref": by.actor.ref}
    return held.move_one(tx, one.for_task(TaskMove(by=by, changes=seat)))


def _check_key(by: Doer, key: str | None) -> None:
    if by.is_session and not key:
        raise Invalid("an agent must send `idempotency_key`")


def _check_executable(task: Task) -> None:
    if task.is_blocked or task.status in (TaskStatus.BLOCKED, TaskStatus.DRAFT, TaskStatus.CANCELED):
        why = "blocked" if task.is_blocked else task.status.value
        raise Conflict(f"the task is {why}; its runs cannot be worked on", task_status=task.status.value)


def _check_owner(task: Task, by: Doer) -> None:
    owner = task.owner
    if owner is None:
        return
    if owner.kind == "pool":
        raise Forbidden(f"the task is for agents of pool {owner.ref!r}, who ask for work themselves")
    if owner.kind == "agent_session" and by.actor.kind != "daemon" and by.actor != owner:
        raise Forbidden("the task belongs to the session of an agent, which alone may claim its runs")


def start(tx: Tx, project_id: int, run_id: str, by: Doer, *, key: str | None = None) -> RunSeen:
    """Begin to work on a run that was claimed, or is starting with a session; a claimed one without is given a session.

    Raises `Invalid` when an agent sends no key, `NotFound` and `Conflict`.
    """
    _check_key(by, key)
    seen = held.take(tx, project_id, run_id)
    _check_executable(seen.task)
    if seen.row.stage is Stage.STARTING and seen.row.session_id is None:
        raise Conflict("the run is starting without a session; attach one first")
    if seen.row.stage not in (Stage.CLAIMED, Stage.STARTING):
        raise Conflict(f"a run that is {seen.row.stage} cannot be started; claim it first")
    if seen.row.stage is Stage.CLAIMED:
        seen = _prepared(tx, seen, by)
    one = move(seen.run, "start", tx.now, actor=str(by.actor), started_at=tx.now)
    return held.move_one(tx, one.for_task(TaskMove(by=by)))


def _prepared(tx: Tx, seen: RunSeen, by: Doer) -> RunSeen:
    preparing = move(seen.run, "prepare", tx.now, actor=str(by.actor))
    if seen.row.session_id is not None:
        return held.move_one(tx, preparing.for_task(TaskMove(by=by)))
    session = _session_for(tx, seen, by)
    # The line that says so comes before the one that names the session.
    bound = TaskMove(by=by, said={"session_id": None}, changes={"session_id": session.id})
    seen = held.move_one(tx, preparing.for_task(bound))
    _tell_bound(tx, seen, by)
    return seen


def _session_for(tx: Tx, seen: RunSeen, by: Doer) -> Session:
    """A session that is there for this run alone."""
    row, task = seen.row, seen.task
    new = NewSession(
        agent=_agent_for(tx, task, by),
        workspace_id=task.workspace_id,
        name=task.title[:128],
        channel=row.coordination,
    )
    return sessions.create(tx, row.project_id, new)


def _agent_for(tx: Tx, task: Task, by: Doer) -> str:
    """Whose session works on the task: the agent that it asks for, else the one that starts it."""
    profile = queueing.profile_of(task)
    if profile is not None:
        worker = profile.worker
        named = (worker.agent_name, *worker.preferred_agent_names, *worker.allowed_agent_names)
        wanted = next(filter(None, named), None)
        if wanted is not None:
            return wanted
    if by.is_session:
        own = sessions_sql.get(tx, [by.actor.ref]).get(by.actor.ref)
        if own is not None:
            return own.agent
    return AGENT


def _tell_bound(tx: Tx, seen: RunSeen, by: Doer) -> None:
    said = {"status": seen.row.stage, "task_status": seen.task.status, "session_id": seen.row.session_id}
    note(tx, seen.task, "task.run_session_bound", by, said, run_id=seen.run.id)


def attach(tx: Tx, project_id: int, run_id: str, session_id: str, by: Doer) -> RunSeen:
    """Bind a session to a run that was claimed or is starting, and has none; a claimed one is starting then.

    Raises `NotFound` and `Conflict`.
    """
    # Before the run, like everybody who locks both; whose session it is, and how it stands, is asked further down.
    sessions_sql.lock(tx, [session_id] if "\0" not in session_id else [])
    seen = held.take(tx, project_id, run_id)
    _check_executable(seen.task)
    if seen.row.stage not in (Stage.CLAIMED, Stage.STARTING):
        raise Conflict(f"a run that is {seen.row.stage} takes no session; claim it first")
    if seen.row.session_id is not None:
        raise Conflict("the run has a session already")
    sessions.attachable(sessions.lock(tx, project_id, session_id))
    if task_runs_sql.held_by(tx, [session_id]):
        raise Conflict("the session works on another run; a session has one at a time")
    if seen.row.stage is Stage.CLAIMED:
        one = move(seen.run, "prepare", tx.now, actor=str(by.actor))
        bound = TaskMove(by=by, event="task.run_session_bound", changes={"session_id": session_id})
        return held.move_one(tx, one.for_task(bound))
    row = msgspec.structs.replace(seen.row, session_id=session_id, held=1)
    task_runs_sql.save(tx, [seen.row], [row])
    seen = msgspec.structs.replace(seen, row=row)
    _tell_bound(tx, seen, by)
    return seen


def complete(tx: Tx, project_id: int, run_id: str, by: Doer, *, result: Json | None = None) -> RunSeen:
    """End a running run without lease as completed, and ask its session to stop.

    Raises `Invalid`, `TooLarge`, `NotFound`, and `Conflict` for a run under a lease.
    """
    documents.check_result(result)
    seen = held.take_from_session(tx, project_id, run_id)
    _check_unleased(seen)
    if seen.row.stage is not Stage.RUNNING:
        raise Conflict(f"a run that is {seen.row.stage} cannot be completed; only a running one can")
    one = move(seen.run, "complete", tx.now, actor=str(by.actor), output=result, error=None, error_class=None)
    return _ended(tx, one.for_task(TaskMove(by=by)), by)


def fail(tx: Tx, project_id: int, run_id: str, by: Doer, *, error: str, metadata: Json | None = None) -> RunSeen:
    """End a starting or running run without lease as failed, and ask its session to stop.

    Raises `Invalid` without an error, `TooLarge`, `NotFound`, and `Conflict` for a run under a lease.
    """
    if not error:
        raise Invalid("`error` must say what went wrong")
    documents.check_sentence("the error", error)
    documents.check_metadata(metadata)
    seen = held.take_from_session(tx, project_id, run_id)
    _check_unleased(seen)
    if seen.row.stage not in (Stage.STARTING, Stage.RUNNING):
        raise Conflict(f"a run that is {seen.row.stage} cannot be failed; only a starting or running one can")
    failure = Failure(message=error)
    one = move(
        seen.run,
        "fail",
        tx.now,
        actor=str(by.actor),
        data={"error": error[:500], "error_class": failure.kind},
        error=told(failure),
        error_class=failure.kind,
        output=None,
    )
    return _ended(tx, one.for_task(TaskMove(by=by, said={"metadata": said_json(metadata)})), by)


def _check_unleased(seen: RunSeen) -> None:
    if seen.run.lease_hash is not None:
        raise Conflict("the run is under a lease; whoever holds that completes or fails it")


def cancel(
    tx: Tx, project_id: int, run_id: str, by: Doer, *, reason: str | None = None, metadata: Json | None = None
) -> RunSeen:
    """Cancel a run that has not ended, whoever has it; the session that works on it is asked to stop.

    Raises `TooLarge`, `NotFound` and `Conflict`.
    """
    documents.check_sentence("the reason", reason)
    sizes.within(documents.DOCUMENT, "the metadata", metadata)
    seen = held.take_from_session(tx, project_id, run_id)
    working = seen.row.stage in (Stage.STARTING, Stage.RUNNING) and seen.row.session_id is not None
    said = {"reason": reason, "metadata": said_json(metadata)}
    one = held.cancellation(seen.run, tx.now, held.called_off(by, said, is_worked_on=working))
    return _ended(tx, one, by) if working else held.move_one(tx, one)


def _ended(tx: Tx, one: Move, by: Doer) -> RunSeen:
    seen = held.move_one(tx, one)
    if seen.row.session_id is not None:
        sessions.ask_to_stop(tx, [seen.row.session_id], by)
    return seen
