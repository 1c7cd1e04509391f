"""How many tasks and runs of tasks there are of each kind: what each adds to the sums, and under what. Pure.

Sums are written with what they count (`engine.tasks.desk`), so they are always exact and nobody has to count.
"""

from __future__ import annotations

from runyard.domain.tasks import Lane, Stage, Task, TaskApproval, TaskRun, TaskStatus, task_key

STATUSES = tuple(status.value for status in TaskStatus)
LANES = tuple(f"lane_{lane.value}" for lane in Lane)
TRIAGED = tuple(f"triaged_{lane.value}" for lane in Lane)
TASK_SUMS = (*STATUSES, "awaiting_approval", "awaiting_dependencies", "paused", *LANES, *TRIAGED)
STAGES = tuple(stage.value for stage in Stage)
RUN_SUMS = (*STAGES, "claims", "claim_time", "starts", "start_time")


# Counting is on the way of every claim: where a word stands among the sums is looked up, not compared.
_STATUS_AT = {status: tuple(int(one is status) for one in TaskStatus) for status in TaskStatus}
_LANE_AT: dict[Lane | None, tuple[int, ...]] = {lane: tuple(int(one is lane) for one in Lane) for lane in (None, *Lane)}
_STAGE_AT = {stage: tuple(int(one is stage) for one in Stage) for stage in Stage}


def run_key(task: Task, row: TaskRun) -> tuple[int, str, str, str, str, str, str, str]:
    """Under which a run of the task is counted."""
    return (*task_key(task), row.channel or "", row.origin_kind)


def task_tally(task: Task) -> tuple[int, ...]:
    """What the task adds to the sums, in the order of `TASK_SUMS`."""
    blocked = task.status is TaskStatus.BLOCKED
    return (
        *_STATUS_AT[task.status],
        int(blocked and task.approval_state is TaskApproval.PENDING),
        int(blocked and task.dependencies > 0),
        int(task.paused_at is not None),
        *_LANE_AT[task.lane],
        *_LANE_AT[task.lane if task.triaged == 1 else None],
    )


def run_tally(row: TaskRun) -> tuple[int, ...]:
    """What a run adds to the sums, in the order of `RUN_SUMS`; times are microseconds."""
    claim = row.claimed_at - row.queued_at if row.claimed_at is not None else 0
    began = row.claimed_at if row.claimed_at is not None else row.queued_at
    start = row.started_at - began if row.started_at is not None else 0
    return (
        *_STAGE_AT[row.stage],
        int(row.claimed_at is not None),
        claim,
        int(row.started_at is not None),
        start,
    )
