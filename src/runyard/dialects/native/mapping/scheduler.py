"""The scheduler of runs of tasks, and timelines of tasks."""

from __future__ import annotations

from msgspec import Raw

from runyard.dialects.native.mapping.values import maybe_when, when
from runyard.dialects.native.wire import scheduler as wire
from runyard.dialects.native.wire import timelines as timelines_wire
from runyard.domain.tasks import TaskEvent
from runyard.engine.tasks.scheduling import Backlog, Standing
from runyard.web.draining import Drained


def scheduler_out(standing: Standing) -> wire.Scheduler:
    """How the scheduler stands."""
    scheduler = standing.scheduler
    return wire.Scheduler(
        paused=scheduler.paused_at is not None,
        paused_by=scheduler.paused_by,
        paused_at=maybe_when(scheduler.paused_at),
        paused_reason=scheduler.paused_reason,
        active_runs=standing.active,
        queued_runs=standing.queued,
        starved_runs=standing.starved,
        runs_that_need_attention=standing.needs_attention,
        paused_tasks=standing.paused_tasks,
        as_of=when(standing.as_of),
    )


def drained_out(drained: Drained) -> wire.Drained:
    """What became of a drain."""
    return wire.Drained(
        scheduler=scheduler_out(drained.standing),
        completed=drained.completed,
        began_at=when(drained.began_at),
        ended_at=when(drained.standing.as_of),
    )


def backlog_out(backlog: Backlog) -> wire.Backlog:
    """What waits."""
    return wire.Backlog(
        data=[
            wire.QueuedRun(
                run_id=one.run.run.id,
                task_id=one.seen.task.id,
                title=one.seen.task.title,
                workspace_id=one.seen.task.workspace_id,
                priority=one.run.run.priority,
                attempt=one.run.row.attempt,
                queued_at=when(one.run.row.queued_at),
                held_by=one.run.run.hold,
            )
            for one in backlog.rows
        ],
        total=backlog.total,
    )


def task_event_out(event: TaskEvent) -> timelines_wire.TaskEvent:
    """A line of a timeline."""
    return timelines_wire.TaskEvent(
        seq=event.seq,
        id=event.id,
        task_id=event.task_id,
        run_id=event.run_id,
        type=event.type,
        at=when(event.at),
        actor=timelines_wire.Somebody(kind=event.actor_kind, ref=event.actor_ref),
        origin=timelines_wire.Somebody(kind=event.origin_kind, ref=event.origin_ref),
        data=Raw(event.payload.encode()),
    )
