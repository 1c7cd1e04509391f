"""Making runs of tasks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from runyard.domain.actors import Doer
from runyard.domain.channels import OWN
from runyard.domain.coding import EXECUTOR as SANDBOX
from runyard.domain.eligibility import queue_of
from runyard.domain.errors import Conflict
from runyard.domain.moves import FRESH, changed
from runyard.domain.policy import SECOND, Policy
from runyard.domain.profiles import Profile
from runyard.domain.records import Json, Run
from runyard.domain.states import RunState
from runyard.domain.task_sums import run_key
from runyard.domain.tasks import Stage, Task, TaskRun, TaskStatus, conditions_of, counted_as
from runyard.engine import classes
from runyard.engine.ledger import journal, wake
from runyard.engine.tasks import desk
from runyard.engine.tasks.timeline import note
from runyard.storage.port import Tx
from runyard.storage.statements import runs as runs_sql
from runyard.storage.statements import task_runs as sql

EXECUTOR = desk.SESSION
"""Who takes runs of tasks: sessions of agents, one run each at a time."""
OF_TASKS = frozenset({EXECUTOR, SANDBOX})
"""Executors that are given runs of tasks alone."""
POLICY = Policy(max_attempts=1, dead_letter=False, lease=300 * SECOND, lost_leases=2**31, idempotency_window=None)
"""A task decides by itself what follows a failed run, and any number of leases may expire."""
STARVES_AFTER = 120 * SECOND
"""How long a run may wait to be taken before somebody looks after it."""
_HEX = re.compile(r"[0-9a-f]{32}").fullmatch
_json = msgspec.json.Encoder()
_profile = msgspec.json.Decoder(Profile).decode


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """How a run of a task is asked for."""

    id: str | None = None
    """What the run is to be called, where whoever asks has to know that first."""
    key: str | None = None
    channel: str | None = None
    metadata: Json | None = None
    previous_run_id: str | None = None
    review_id: str | None = None
    round: int = 1
    event: str = "task.run_enqueued"
    """The line in the timeline that tells of it; '' is none."""
    said: dict[str, Any] = {}


def profile_of(task: Task) -> Profile | None:
    """The task's execution profile, if one was set."""
    return _profile(task.profile) if task.profile is not None else None


def class_of(tx: Tx, task: Task, channel: str | None) -> tuple[int, str, str | None]:
    """From which class a queued run of the task is claimed, from which queue, and what that requires."""
    # Runs of tasks of no workspace have no channel in which sessions could be.
    of_channel = channel if task.workspace_id is not None else None
    tokens = conditions_of(task, profile_of(task), of_channel).tokens
    queue = queue_of(task.workspace_id)
    class_id = classes.intern(tx, task.project_id, EXECUTOR, queue, "", tokens)
    return class_id, queue, _json.encode(tokens).decode() if tokens else None


def check(task: Task) -> None:
    """Raise `Conflict` when no run of the task can be queued, whoever asks."""
    check_status(task)
    if task.open_run_id is not None:
        raise Conflict("the task has a run that has not ended; a task has one at a time", open_run=task.open_run_id)
    if task.is_exhausted:
        raise Conflict(f"all {task.max_attempts} attempts of the task are used up; raise max_attempts to go on")


def check_status(task: Task) -> None:
    """Raise `Conflict` when the task takes no runs at all."""
    if task.status in (TaskStatus.DRAFT, TaskStatus.CANCELED):
        raise Conflict(f"the task is {_spoken(task)} and takes no runs")


def _spoken(task: Task) -> str:
    return "a draft; publish it first" if task.status is TaskStatus.DRAFT else task.status.value


def queue(tx: Tx, before: Task, by: Doer, asked: Asked, *, after: Task | None = None) -> tuple[Task, Run, TaskRun]:
    """Queue a run of the task, which is locked; `after` is what the task becomes with it.

    The run may be claimed as soon as nothing blocks or pauses the task. Raises `Conflict`.
    """
    after = after or before
    check(after)
    task = msgspec.structs.replace(
        after, attempts=after.attempts + 1, open_stage=Stage.QUEUED, auto_pending=0, active_at=tx.now
    )
    channel = asked.channel or task.channel
    run = _run(tx, task, by, asked, channel)
    task = msgspec.structs.replace(task, open_run_id=run.id)
    row = TaskRun(
        run_id=run.id,
        project_id=task.project_id,
        task_id=task.id,
        attempt=task.attempts,
        stage=Stage.QUEUED,
        held=None,
        session_id=None,
        claimer_kind=None,
        claimer_ref=None,
        channel=channel,
        coordination=_coordination(task, run, channel),
        origin_kind=by.origin.kind,
        origin_ref=by.origin.ref,
        key=asked.key,
        previous_run_id=asked.previous_run_id,
        failure_kind=None,
        review_id=asked.review_id,
        round=asked.round,
        queued_at=tx.now,
        claimed_at=None,
        started_at=None,
        ended_at=None,
        starved=0,
        look_at=tx.now if run.hold is None else None,
    )
    task, row = put(tx, before, task, run, row, by)
    said = {
        "attempt": row.attempt,
        "status": Stage.QUEUED,
        "task_status": task.status,
        "network_channel": row.channel,
        "coordination_channel_id": row.coordination,
        "idempotency_key": row.key,
    }
    if asked.event:
        note(tx, task, asked.event, by, asked.said or said, run_id=run.id)
    return task, run, row


def put(tx: Tx, before: Task, task: Task, run: Run, row: TaskRun, by: Doer) -> tuple[Task, TaskRun]:
    """Add a new run of the task (before, and with the run) and what stands beside it; both as they stand then."""
    row = msgspec.structs.replace(row, counted=counted_as(run_key(task, row)))
    runs_sql.insert(tx, [run])
    sql.add(tx, [row])
    desk.recount_runs(tx, [], [(task, row)])
    journal(tx, run, "run.created", str(by.actor), {"state": run.state.value, "trigger": run.trigger, "task": task.id})
    wake(tx, [run])
    return desk.write_one(tx, before, task), row


def _run(tx: Tx, task: Task, by: Doer, asked: Asked, channel: str | None) -> Run:
    class_id, queue, requires = class_of(tx, task, channel)
    blank: dict[str, Any] = dict.fromkeys(Run.__struct_fields__)
    # What the task becomes with its run: blocked or not, that does not change with it.
    hold = desk.hold_of(task, paused=task.id in desk.paused_by(tx, [task], keep=True))
    return Run(
        **blank
        | dict(FRESH)
        | {
            "id": asked.id or tx.new_id(),
            "project_id": task.project_id,
            "state": RunState.QUEUED,
            "class_id": class_id,
            "queue": queue,
            "requires": requires,
            "executor": EXECUTOR,
            "priority": task.priority,
            "rank": classes.rank_of(tx, task.priority, tx.now),
            "created_at": tx.now,
            "updated_at": tx.now,
            "policy": POLICY,
            "payload": "null",
            "metadata": asked.metadata,
            "task_id": task.id,
            "depth": 0,
            "trigger": "task",
            "created_by": str(by.actor),
            "hold": hold,
            "queued_at": tx.now,
            "debug": 0,
            "continued": 0,
        }
    )


def refit(tx: Tx, task: Task) -> None:
    """Let the task's open runs, which are locked, be claimed as the task now says: by whom, and before which others."""
    ids = sql.open_ones(tx, [task.id]) if task.open_run_id is not None else []
    runs, rows = runs_sql.lock(tx, ids) if ids else {}, sql.get(tx, ids)
    before = [run for run in runs.values() if run.id in rows]
    after: list[Run] = []
    for run in before:
        row = rows[run.id]
        class_id, requires = run.class_id, run.requires
        if run.executor == EXECUTOR:
            class_id, _, requires = class_of(tx, task, row.channel)
        rank = run.rank
        if task.priority != run.priority:
            rank = classes.rank_of(tx, task.priority, run.queued_at or row.queued_at)
        after.append(changed(run, class_id=class_id, priority=task.priority, rank=rank, updated_at=tx.now))
        if requires != run.requires:
            runs_sql.set_requires(tx, run.id, requires)
    runs_sql.save(tx, before, after)
    wake(tx, after)


def _coordination(task: Task, run: Run, channel: str | None) -> str | None:
    """Where those talk who work on the run; runs of tasks of no workspace have no such channel."""
    if task.workspace_id is None:
        return None
    return channel or coordination_of(run.id)


def coordination_of(run_id: str) -> str:
    """The name of the channel of a run that was given none."""
    return f"{OWN}{run_id.replace('-', '')}"


def run_of(channel: str | None) -> str | None:
    """The run whose own channel it would be, if it can be one's."""
    if channel is None or not channel.startswith(OWN):
        return None
    digits = channel.removeprefix(OWN)
    if _HEX(digits) is None:
        return None
    return str(UUID(digits))


def wants(task: Task) -> bool:
    """Whether a run is to be queued of a task that nothing blocks any more."""
    return (
        bool(task.auto_enqueue)
        and task.status is TaskStatus.READY
        and task.open_run_id is None
        and not task.is_exhausted
    )


def auto(tx: Tx, freed: Sequence[Task], by: Doer, *, because: str | None = None) -> None:
    """Queue runs of those tasks that ask for it as soon as nothing blocks them; of paused ones once they go on.

    `because` names the run whose end did it.
    """
    wanted = [task for task in freed if wants(task)]
    paused = desk.paused_by(tx, wanted, keep=True)
    later = [task for task in wanted if task.id in paused and not task.auto_pending]
    if later:
        desk.write(tx, [(task, msgspec.structs.replace(task, auto_pending=1)) for task in later])
    for task in wanted:
        if task.id not in paused:
            key = f"task.auto_enqueue.{task.id}.{because}" if because is not None else None
            queue(tx, task, by, Asked(key=key))
