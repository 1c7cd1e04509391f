"""The scheduler on the wire (contract §21). Pure."""

from __future__ import annotations

from runyard.dialects.agh.mapping.runs import run_out
from runyard.dialects.agh.mapping.tasks import task_summary_out
from runyard.dialects.agh.mapping.values import instant
from runyard.dialects.agh.wire import scheduler as wire
from runyard.engine.tasks.scheduling import Backlog, Standing
from runyard.web.draining import Drained


def status_out(standing: Standing) -> wire.Status:
    """How the scheduler stands."""
    scheduler = standing.scheduler
    return wire.Status(
        paused=scheduler.paused_at is not None,
        active_claim_count=standing.active,
        queued_run_count=standing.queued,
        paused_task_count=standing.paused_tasks,
        starved_run_count=standing.starved,
        needs_attention_run_count=standing.needs_attention,
        as_of=instant(standing.as_of),
        paused_by=scheduler.paused_by or "",
        paused_at=instant(scheduler.paused_at),
        paused_reason=scheduler.paused_reason or "",
    )


def answer_out(standing: Standing) -> wire.StatusAnswer:
    """How the scheduler stands."""
    return wire.StatusAnswer(scheduler=status_out(standing))


def drain_out(drained: Drained) -> wire.DrainAnswer:
    """What became of a drain."""
    return wire.DrainAnswer(
        scheduler=status_out(drained.standing),
        completed=drained.completed,
        started_at=instant(drained.began_at),
        completed_at=instant(drained.standing.as_of),
        remaining_claims=drained.standing.active,
        timed_out=not drained.completed,
    )


def backlog_out(backlog: Backlog) -> wire.BacklogAnswer:
    """What waits."""
    rows = [wire.BacklogRun(task=task_summary_out(one.seen), run=run_out(one.run)) for one in backlog.rows]
    return wire.BacklogAnswer(backlog=wire.Backlog(runs=rows, total=backlog.total))
