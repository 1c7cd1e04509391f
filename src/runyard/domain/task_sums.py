"""How many tasks and runs of tasks there are of each kind: what each adds to the sums, and under what. Pure.

Sums are written with what they count (`engine.tasks.desk`), so they are always exact and nobody has to count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from operator import add, attrgetter
from typing import Any

from runyard.domain.tasks import Lane, Stage, Task, TaskApproval, TaskRun, TaskStatus, task_key

STATUSES = tuple(status.value for status in TaskStatus)
LANES = tuple(f"lane_{lane.value}" for lane in Lane)
TRIAGED = tuple(f"triaged_{lane.value}" for lane in Lane)
TASK_SUMS = (*STATUSES, "awaiting_approval", "awaiting_dependencies", "paused", *LANES, *TRIAGED)
STAGES = tuple(stage.value for stage in Stage)
RUN_SUMS = (*STAGES, "claims", "claim_time", "starts", "start_time")


Key = tuple[int | str, ...]
Changes = Mapping[Key, tuple[int, ...]]
"""What is to be added to the sums under each key."""

# Counting is on the way of every claim: where a word stands among the sums is looked up, not compared.
_STATUS_AT = {status: tuple(int(one is status) for one in TaskStatus) for status in TaskStatus}
_LANE_AT: dict[Lane | None, tuple[int, ...]] = {lane: tuple(int(one is lane) for one in Lane) for lane in (None, *Lane)}
_STAGE_AT = {stage: place for place, stage in enumerate(Stage)}
_CLAIMS, _CLAIM_TIME, _STARTS, _START_TIME = range(len(STAGES), len(RUN_SUMS))
_BLOCKED, _ASKED = TaskStatus.BLOCKED, TaskApproval.PENDING


def run_key(task: Task, row: TaskRun) -> tuple[int, str, str, str, str, str, str, str]:
    """Under which a run of the task is counted."""
    return (*task_key(task), row.channel or "", row.origin_kind)


def task_tally(task: Task) -> tuple[int, ...]:
    """What the task adds to the sums, in the order of `TASK_SUMS`."""
    blocked = task.status is _BLOCKED
    return (
        *_STATUS_AT[task.status],
        int(blocked and task.approval_state is _ASKED),
        int(blocked and task.dependencies > 0),
        int(task.paused_at is not None),
        *_LANE_AT[task.lane],
        *_LANE_AT[task.lane if task.triaged == 1 else None],
    )


_KIND = attrgetter(
    "project_id",
    "workspace_id",
    "owner_kind",
    "owner_ref",
    "channel",
    "origin_kind",
    "counted",
    "status",
    "approval_state",
    "dependencies",
    "paused_at",
    "lane",
    "triaged",
)
"""All of a task that its key and what it adds are made of. Of many tasks that change together most are alike."""


def of_tasks(before: Sequence[Task], after: Sequence[Task]) -> Changes:
    """What changes in the sums when these tasks, as they were, are counted no more, and instead as they are."""
    alike: dict[tuple[Any, ...], Task] = {}
    kinds: Counter[tuple[Any, ...]] = Counter()
    for sign, tasks in ((-1, before), (1, after)):
        found_kinds = list(map(_KIND, tasks))
        alike.update(zip(found_kinds, tasks, strict=True))
        for kind, n in Counter(found_kinds).items():
            kinds[kind] += sign * n
    found: dict[Key, tuple[int, ...]] = {}
    for kind, n in kinds.items():
        if n:
            task = alike[kind]
            key = (*task_key(task), task.counted)
            added = tuple(n * one for one in task_tally(task))
            found[key] = tuple(map(add, found[key], added)) if key in found else added
    return found


def of_runs(before: Iterable[tuple[Task, TaskRun]], after: Iterable[tuple[Task, TaskRun]]) -> Changes:
    """What changes in the sums when these runs of tasks, as they were, are counted no more, and instead as they are.

    Times are microseconds.
    """
    found: dict[Key, list[int]] = {}
    for sign, rows in ((-1, before), (1, after)):
        for task, row in rows:
            key = run_key(task, row)
            sums = found.get(key)
            if sums is None:
                sums = found[key] = [0] * len(RUN_SUMS)
            sums[_STAGE_AT[row.stage]] += sign
            began = row.queued_at
            if row.claimed_at is not None:
                sums[_CLAIMS] += sign
                sums[_CLAIM_TIME] += sign * (row.claimed_at - began)
                began = row.claimed_at
            if row.started_at is not None:
                sums[_STARTS] += sign
                sums[_START_TIME] += sign * (row.started_at - began)
    return {key: tuple(sums) for key, sums in found.items()}
