"""Runs of coding tasks: made, found, and shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from runyard.domain.actors import Doer
from runyard.domain.coding import (
    CONNECT_TOKEN,
    EXECUTOR,
    INSIDE,
    OUTSIDE,
    POLICY,
    SERVERS,
    CodingRun,
    CodingSeen,
)
from runyard.domain.errors import Conflict, NotFound
from runyard.domain.moves import FRESH
from runyard.domain.policy import Failure
from runyard.domain.records import Json, Run
from runyard.domain.states import RunState
from runyard.domain.tasks import Stage, Task, TaskRun, TaskStatus
from runyard.engine import classes, sizes
from runyard.engine.coding import news, tasks, telling
from runyard.engine.failures import told
from runyard.engine.tasks import desk, queueing
from runyard.engine.tasks.timeline import note
from runyard.storage.port import Tx
from runyard.storage.statements import coding_runs as sql
from runyard.storage.statements import manifests
from runyard.storage.statements import runs as runs_sql
from runyard.storage.statements import task_runs as task_runs_sql

_json = msgspec.json.Encoder()


class NewCodingRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run to make. `queued` ones wait for a sandbox, or for whoever works on them outside."""

    queued: bool = False
    sandboxed: bool = True
    stage: str | None = None
    branch: str | None = None
    error: str | None = None
    output: Json | None = None
    state: Mapping[str, Any] = {}


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A page of runs by number, and how many there are on all pages."""

    rows: list[CodingSeen]
    total: int


def create(tx: Tx, project_id: int, task_id: str, new: NewCodingRun, by: Doer, *, trusted: bool = False) -> CodingSeen:
    """Make a run of the task; nothing is started unless it is queued. Parts of the state that are the server's are
    kept from callers who are not trusted with them.

    Raises `NotFound`, `TooLarge`, and `Conflict` for a draft and while an agent's session has the task.
    """
    state = {name: value for name, value in new.state.items() if trusted or name not in SERVERS}
    state.pop(CONNECT_TOKEN, None)
    text = _json.encode(state).decode()
    sizes.within(sizes.DOCUMENT, "the run's state", text)
    sizes.within(sizes.DOCUMENT, "the run's output", new.output)
    tasks.find(tx, project_id, task_id)
    before, _ = desk.take(tx, project_id, task_id)
    check_free(tx, before)
    number = before.attempts + 1
    status = TaskStatus.READY if before.status is TaskStatus.CANCELED else before.status
    run = _run(tx, before, new, by)
    row = _beside(run, before, number, by)
    task = msgspec.structs.replace(before, status=status, attempts=number, active_at=tx.now)
    if before.open_stage not in (Stage.STARTING, Stage.RUNNING):
        task = msgspec.structs.replace(task, open_run_id=run.id, open_stage=Stage.QUEUED)
    task, _ = queueing.put(tx, before, task, run, row, by)
    note(tx, task, "task.run_enqueued", by, {"attempt": number, "status": row.stage}, run_id=run.id)
    coding = CodingRun(
        run_id=run.id,
        project_id=project_id,
        task_id=task_id,
        number=number,
        sandboxed=int(new.sandboxed),
        stage=new.stage,
        branch=new.branch,
        state=text,
        sealed=None,
        created_at=tx.now,
        updated_at=tx.now,
        entries=0,
        relayed=0,
        ingested=0,
        streamed_at=None,
    )
    sql.add(tx, [coding])
    tasks.now_latest(tx, task_id, run)
    seen = CodingSeen(run=run, row=coding)
    telling.begin(tx, run, state)
    news.tell(tx, seen)
    return seen


def check_free(tx: Tx, task: Task) -> None:
    """Raise `Conflict` unless runs of this kind may be queued of the task: any number of them, and none of another."""
    if task.status is TaskStatus.DRAFT:
        raise Conflict("the task is a draft; publish it first")
    found = runs_sql.get(tx, [task.open_run_id]) if task.open_run_id is not None else {}
    if any(run.executor != EXECUTOR for run in found.values()):
        raise Conflict("the task has a run for sessions of agents that has not ended; cancel that first")


def place_of(tx: Tx, project_id: int, *, sandboxed: bool) -> tuple[int, str]:
    """From which class and queue such a run is claimed."""
    queue = INSIDE if sandboxed else OUTSIDE
    return classes.intern(tx, project_id, EXECUTOR, queue, "", ()), queue


def _run(tx: Tx, task: Task, new: NewCodingRun, by: Doer) -> Run:
    class_id, queue = place_of(tx, task.project_id, sandboxed=new.sandboxed)
    blank: dict[str, Any] = dict.fromkeys(Run.__struct_fields__)
    hold = desk.hold_of(task, paused=task.id in desk.paused_by(tx, [task], keep=True)) if new.queued else None
    return Run(
        **blank
        | dict(FRESH)
        | {
            "id": tx.new_id(),
            "project_id": task.project_id,
            "state": RunState.QUEUED if new.queued else RunState.DRAFT,
            "class_id": class_id,
            "queue": queue,
            "executor": EXECUTOR,
            "priority": task.priority,
            "rank": classes.rank_of(tx, task.priority, tx.now),
            "created_at": tx.now,
            "updated_at": tx.now,
            "policy": POLICY,
            "payload": "null",
            "task_id": task.id,
            "depth": 0,
            "trigger": "task",
            "created_by": str(by.actor),
            "hold": hold,
            "queued_at": tx.now if new.queued else None,
            "output": new.output,
            "error": told(Failure(message=new.error)) if new.error is not None else None,
            "debug": 0,
            "continued": 0,
        }
    )


def _beside(run: Run, task: Task, number: int, by: Doer) -> TaskRun:
    return TaskRun(
        run_id=run.id,
        project_id=task.project_id,
        task_id=task.id,
        attempt=number,
        stage=Stage.QUEUED,
        held=None,
        session_id=None,
        claimer_kind=None,
        claimer_ref=None,
        channel=None,
        coordination=None,
        origin_kind=by.origin.kind,
        origin_ref=by.origin.ref,
        key=None,
        previous_run_id=None,
        failure_kind=None,
        review_id=None,
        round=1,
        queued_at=run.created_at,
        claimed_at=None,
        started_at=None,
        ended_at=None,
        starved=0,
        look_at=None,
    )


def check_task(tx: Tx, project_id: int, task_id: str) -> None:
    """Raise `NotFound` unless there is the task."""
    tasks.find(tx, project_id, task_id)


def find(tx: Tx, project_id: int, task_id: str, run_id: str) -> CodingSeen:
    """The run of this task, without its manifest, for reading. Raises `NotFound`."""
    tasks.find(tx, project_id, task_id)
    run = runs_sql.get(tx, [run_id]).get(run_id) if "\0" not in run_id else None
    return CodingSeen(run=_own(run, project_id, task_id, run_id), row=_beside_of(tx, run_id, lock=False))


def see(tx: Tx, project_id: int, task_id: str, run_id: str) -> CodingSeen:
    """The run of this task as it is shown. Raises `NotFound`."""
    return whole(tx, find(tx, project_id, task_id, run_id))


def take(tx: Tx, project_id: int, task_id: str, run_id: str) -> CodingSeen:
    """`find`, with the run and what stands beside it locked until the commit. Raises `NotFound`."""
    tasks.find(tx, project_id, task_id)
    run = runs_sql.lock(tx, [run_id]).get(run_id) if "\0" not in run_id else None
    return CodingSeen(run=_own(run, project_id, task_id, run_id), row=_beside_of(tx, run_id, lock=True))


def whole(tx: Tx, seen: CodingSeen) -> CodingSeen:
    """The run with its manifest."""
    return msgspec.structs.replace(seen, manifest=manifests.of_runs(tx, [seen.run.id]).get(seen.run.id, ()))


def _own(run: Run | None, project_id: int, task_id: str, run_id: str) -> Run:
    if run is None or run.project_id != project_id or run.task_id != task_id:
        raise NotFound(f"the task has no run {run_id[:64]!r}")
    return run


def _beside_of(tx: Tx, run_id: str, *, lock: bool) -> CodingRun:
    """What stands beside the run. Where nothing does, another kind of executor works on it: that becomes a row."""
    row = (sql.lock if lock else sql.get)(tx, [run_id]).get(run_id)
    if row is not None:
        return row
    beside, run = task_runs_sql.get(tx, [run_id]).get(run_id), runs_sql.get(tx, [run_id])[run_id]
    row = CodingRun(
        run_id=run_id,
        project_id=run.project_id,
        task_id=run.task_id or "",
        number=beside.attempt if beside is not None else 1,
        sandboxed=0,
        stage=None,
        branch=None,
        state="{}",
        sealed=None,
        created_at=run.created_at,
        updated_at=run.created_at,
        entries=0,
        relayed=0,
        ingested=0,
        streamed_at=None,
    )
    if lock:
        sql.add(tx, [row])
    return row


def page(tx: Tx, project_id: int, task_id: str, *, offset: int, limit: int) -> Page:
    """The task's coding runs, newest first, by number. Raises `NotFound`."""
    tasks.find(tx, project_id, task_id)
    rows = sql.page(tx, task_id, skipped=offset, n=limit)
    return Page(rows=see_all(tx, rows), total=sql.count(tx, task_id))


def before(tx: Tx, project_id: int, task_id: str, *, before: int | None, limit: int) -> list[CodingSeen]:
    """The task's next coding runs below that attempt, the newest first. Raises `NotFound`."""
    tasks.find(tx, project_id, task_id)
    return see_all(tx, sql.before(tx, task_id, number=before if before is not None else 2**53, n=limit))


def see_all(tx: Tx, rows: Sequence[CodingRun]) -> list[CodingSeen]:
    """These runs as they are shown, in their order; those that are gone are left out."""
    ids = [row.run_id for row in rows]
    runs, entries = runs_sql.get(tx, ids) if ids else {}, manifests.of_runs(tx, ids)
    return [
        CodingSeen(run=runs[row.run_id], row=row, manifest=entries.get(row.run_id, ()))
        for row in rows
        if row.run_id in runs
    ]


def latest(tx: Tx, ids: Sequence[str]) -> dict[str, CodingSeen]:
    """These runs as they are shown, by run."""
    return {seen.run.id: seen for seen in see_all(tx, list(sql.get(tx, ids).values()))}
