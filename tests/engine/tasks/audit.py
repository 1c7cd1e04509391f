"""What must hold of tasks and their runs after any transaction, found out from scratch: no sum is believed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from runyard.domain.records import Run
from runyard.domain.tasks import Task, TaskRun
from runyard.storage.port import Tx
from runyard.storage.statements import task_runs as task_runs_sql
from runyard.storage.statements import tasks as tasks_sql
from tests.support.yard import all_runs

OPEN = ("queued", "claimed", "starting", "running", "needs_attention")
ACTIVE = OPEN[1:4]
ENDED = ("completed", "failed", "canceled")
_STAGES = {"queued": "queued", "claimed": "claimed", "starting": "starting", "running": "running"}
_STAGES |= {"completed": "completed", "canceled": "canceled", "needs_attention": "needs_attention"}
_STAGES |= {"draft": "queued", "scheduled": "queued", "waiting": "running", "paused": "running"}
_TASK_KEY = ("project_id", "workspace_id", "owner_kind", "owner_ref", "channel", "origin_kind")
_RUN_KEY = (*_TASK_KEY, "run_channel", "run_origin_kind")
_TASK_SUMS = (
    *("draft", "pending", "blocked", "ready", "in_progress", "completed", "failed", "canceled"),
    *("awaiting_approval", "awaiting_dependencies", "paused"),
    *("lane_approvals", "lane_failed_runs", "lane_blocked", "lane_open"),
)
_RUN_SUMS = (*OPEN, *ENDED, "claims", "claim_time", "starts", "start_time")
_LEADS_TO = {
    "task.run_enqueued": "queued",
    "task.run_operator_retry": "queued",
    "task.run_recovered_from_attention": "queued",
    "task.run_review_retry_enqueued": "queued",
    "task.run_claimed": "claimed",
    "task.run_starting": "starting",
    "task.run_session_bound": "starting",
    "task.run_started": "running",
    "task.run_released": "queued",
    "task.run_lease_expired": "queued",
    "task.run_completed": "completed",
    "task.run_failed": "failed",
    "task.run_operator_forced_fail": "failed",
    "task.run_canceled": "canceled",
    "task.run_needs_attention": "needs_attention",
}
_COMES_FROM = {
    "task.run_claimed": ("queued",),
    "task.run_starting": ("claimed",),
    "task.run_session_bound": ("claimed", "starting"),
    "task.run_started": ("starting",),
    "task.run_released": ACTIVE,
    "task.run_lease_expired": ACTIVE,
    "task.run_completed": ACTIVE,
    "task.run_failed": ACTIVE,
    "task.run_operator_forced_fail": ("queued", "claimed"),
    "task.run_canceled": OPEN,
    "task.run_needs_attention": ("queued",),
}
"""Where a run stands when a line tells of it."""
_COMES_FROM_OUTSIDE = _COMES_FROM | {
    "task.run_started": ("claimed", "starting"),
    "task.run_failed": (*ACTIVE, "queued"),
}
"""The same of runs that somebody works on outside, who says how they stand and not how they came there."""


class Yardful:
    """All tasks, runs and edges, as their rows have them."""

    def __init__(self, tx: Tx) -> None:
        tasks = tx.records(Task, f"SELECT {tasks_sql.COLUMNS} FROM tasks")
        self.tasks = {task.id: task for task in tasks}
        self.rows: dict[str, list[TaskRun]] = defaultdict(list)
        for one in tx.records(TaskRun, f"SELECT {task_runs_sql.COLUMNS} FROM task_runs ORDER BY attempt"):
            self.rows[one.task_id].append(one)
        self.needs: dict[str, list[str]] = defaultdict(list)
        for task_id, other in tx.rows("SELECT task_id, depends_on_id FROM task_dependencies"):
            self.needs[task_id].append(other)
        self.runs = {run.id: run for run in all_runs(tx) if run.task_id is not None}
        self._status: dict[str, str] = {}

    def open_rows(self, task: Task) -> list[TaskRun]:
        """The runs of the task that have not ended."""
        return [row for row in self.rows[task.id] if row.stage in OPEN]

    def is_coding(self, row: TaskRun) -> bool:
        """Whether the run is one of those of which a task may have several at once."""
        return self.runs[row.run_id].executor == "sandbox"

    def status(self, task_id: str) -> str:
        """How the task stands, by the first rule that applies."""
        if task_id not in self._status:
            self._status[task_id] = self._found_status(self.tasks[task_id])
        return self._status[task_id]

    def is_blocked(self, task: Task) -> bool:
        """Whether a dependency or a decision is in the way."""
        unmet = any(self.status(other) != "completed" for other in self.needs[task.id])
        return unmet or (task.approval_policy == "manual" and task.approval_state != "approved")

    def _found_status(self, task: Task) -> str:
        rows = self.rows[task.id]
        if task.status in ("canceled", "draft"):
            return task.status.value
        if any(row.stage in ("starting", "running") for row in rows):
            return "in_progress"
        otherwise = "blocked" if self.is_blocked(task) else "ready"
        if any(row.stage in ("queued", "claimed") for row in rows):
            return otherwise
        ended = [row for row in rows if row.stage in ENDED]
        if not ended:
            return task.status.value if task.status in ENDED else otherwise
        last = max(ended, key=lambda row: row.attempt)
        if last.stage == "failed":
            return "failed" if max(row.attempt for row in rows) >= task.max_attempts else otherwise
        return last.stage.value

    def hold(self, task: Task) -> str | None:
        """What keeps a queued run of the task from being claimed."""
        line = [self.tasks[one] for one in task.path.split("/")[1:]]
        if any(one.paused_at is not None for one in line):
            return "paused"
        return "blocked" if self.is_blocked(task) else None


def broken_rules(tx: Tx) -> list[str]:
    """Which rules tasks break, one sentence each."""
    yard = Yardful(tx)
    found: list[str] = []
    for task in yard.tasks.values():
        found += [f"task {task.id} ({task.status}): {one}" for one in _of_task(yard, task)]
        for row in yard.rows[task.id]:
            run = yard.runs.get(row.run_id)
            found += [f"run {row.run_id} ({row.stage}): {one}" for one in _of_run(yard, task, row, run)]
    return [*found, *_of_sessions(yard), *_of_sums(tx, yard), *_of_timelines(tx, yard), *_orphans(tx, yard)]


def _of_task(yard: Yardful, task: Task) -> Iterator[str]:
    rows = yard.rows[task.id]
    now = yard.open_rows(task)
    ended = [row for row in rows if row.stage in ENDED]
    last = max(ended, key=lambda row: row.attempt, default=None)
    needs = yard.needs[task.id]
    is_closed = task.status in ENDED
    parent = yard.tasks.get(task.parent_id or "")
    expected = {
        "status": (task.status.value, yard.status(task.id)),
        "dependencies": (task.dependencies, len(needs)),
        "unmet": (task.unmet, sum(yard.status(one) != "completed" for one in needs)),
        "attempts": (task.attempts, max((row.attempt for row in rows), default=0)),
        "attempts of runs": ([row.attempt for row in rows], list(range(1, len(rows) + 1))),
        "open runs": (len(now) <= 1 or all(yard.is_coding(row) for row in now), True),
        "open run": ((task.open_run_id, task.open_stage), _place(_first(now))),
        "last run": ((task.last_run_id, task.last_stage), _place(last)),
        "children": (task.children, sum(one.parent_id == task.id for one in yard.tasks.values())),
        "path": (task.path, f"{parent.path if parent is not None else ''}/{task.id}"),
        "closed_at": (task.closed_at is not None, is_closed),
        "lane": (task.lane, _lane(task, _first(now) or last)),
    }
    for name, (is_so, should_be) in expected.items():
        if is_so != should_be:
            yield f"{name} is {is_so} and should be {should_be}"


def _first(now: list[TaskRun]) -> TaskRun | None:
    """The open run by which the task stands: the latest that somebody works on, or else the latest."""
    return max(now, key=lambda row: (row.stage in ("starting", "running"), row.attempt), default=None)


def _place(row: TaskRun | None) -> tuple[str | None, str | None]:
    return (row.run_id, row.stage) if row is not None else (None, None)


def _lane(task: Task, latest: TaskRun | None) -> str | None:
    if task.status == "blocked" and (task.approval_policy, task.approval_state) == ("manual", "pending"):
        return "approvals"
    if latest is not None and latest.stage == "failed":
        return "failed_runs"
    if task.status == "blocked":
        return "blocked"
    return None if task.status in (*ENDED, "draft") else "open"


def _of_run(yard: Yardful, task: Task, row: TaskRun, run: Run | None) -> Iterator[str]:
    if run is None:
        yield "its run is gone"
        return
    stage = _STAGES.get(run.state.value, "failed")
    if row.stage != stage:
        yield f"the run itself is {run.state}"
    if row.held != (1 if stage in ACTIVE and row.session_id is not None else None):
        yield f"held is {row.held} with session {row.session_id}"
    if stage == "queued":
        hold = yard.hold(task) if run.state == "queued" else None
        if run.hold != hold:
            yield f"hold is {run.hold} and should be {hold}"
        if (row.look_at is None) != (hold is not None or run.state != "queued" or yard.is_coding(row)):
            yield f"it is {run.state}, hold is {hold} and is looked after at {row.look_at}"
        if row.session_id is not None or row.claimer_ref is not None or run.lease_hash is not None:
            yield "somebody has it still"
    elif row.look_at is not None or row.starved:
        yield "it is looked after still"
    # Nobody has what is paused.
    nobody = row.claimer_ref is None and run.state != "paused"
    if stage in ACTIVE and (task.status in ("draft", "canceled") or nobody):
        yield f"somebody has it of a task that is {task.status}, claimed by {row.claimer_ref}"


def _of_sessions(yard: Yardful) -> Iterator[str]:
    rows = [row for rows in yard.rows.values() for row in rows if row.stage in ACTIVE and row.session_id]
    for session_id, times in Counter(row.session_id for row in rows).items():
        if times > 1:
            yield f"session {session_id} has {times} runs"


def _of_sums(tx: Tx, yard: Yardful) -> Iterator[str]:
    tasks: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    runs: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    for task in yard.tasks.values():
        owner = (task.owner_kind or "", task.owner_ref or "")
        key = (task.project_id, task.workspace_id or "", *owner, task.channel or "", task.origin_kind)
        is_blocked = task.status == "blocked"
        tasks[key].update([task.status.value])
        tasks[key]["awaiting_approval"] += is_blocked and task.approval_state == "pending"
        tasks[key]["awaiting_dependencies"] += is_blocked and bool(yard.needs[task.id])
        tasks[key]["paused"] += task.paused_at is not None
        if task.lane is not None:
            tasks[key][f"lane_{task.lane.value}"] += 1
        for row in yard.rows[task.id]:
            run_key = (*key, row.channel or "", row.origin_kind)
            runs[run_key].update([row.stage.value])
            if row.claimed_at is not None:
                # Below zero where a committer began a moment before another one that queued the run; `+=` drops that.
                runs[run_key].update(claims=1, claim_time=row.claimed_at - row.queued_at)
            if row.started_at is not None:
                began = row.claimed_at if row.claimed_at is not None else row.queued_at
                runs[run_key].update(starts=1, start_time=row.started_at - began)
    yield from _differing(tx, "task_sums", _TASK_KEY, _TASK_SUMS, tasks)
    yield from _differing(tx, "task_run_sums", _RUN_KEY, _RUN_SUMS, runs)


def _differing(
    tx: Tx,
    table: str,
    key: tuple[str, ...],
    sums: tuple[str, ...],
    recounted: Mapping[tuple[Any, ...], Counter[str]],
) -> Iterator[str]:
    width = len(key)
    stored = {tuple(row[:width]): row[width:] for row in tx.rows(f"SELECT {', '.join(key + sums)} FROM {table}")}
    for one in stored.keys() | recounted.keys():
        kept = {name: value for name, value in zip(sums, stored.get(one, ()), strict=False) if value}
        found = {name: value for name, value in recounted.get(one, Counter()).items() if value}
        if kept != found:
            yield f"{table} {one} has {kept} and should have {found}"


def _of_timelines(tx: Tx, yard: Yardful) -> Iterator[str]:
    stages: dict[str, str] = {}
    begun: set[str] = set()
    for seq, task_id, run_id, kind, payload in tx.rows(
        "SELECT seq, task_id, run_id, type, payload FROM task_events ORDER BY seq"
    ):
        if (kind == "task.created") == (task_id in begun):
            yield f"line {seq} of task {task_id} is {kind}; before it there is {'more' if task_id in begun else 'none'}"
        begun.add(task_id)
        if kind == "task.run_recovered":
            stages[run_id] = msgspec.json.decode(payload)["status"]
        elif kind in _LEADS_TO:
            is_outside = run_id in yard.runs and yard.runs[run_id].executor == "sandbox"
            stage, allowed = stages.get(run_id), (_COMES_FROM_OUTSIDE if is_outside else _COMES_FROM).get(kind)
            if (stage is not None) if allowed is None else (stage not in allowed):
                yield f"line {seq}: {kind} tells of run {run_id}, which is {stage}"
            stages[run_id] = _LEADS_TO[kind]
    for rows in yard.rows.values():
        for row in rows:
            told = stages.get(row.run_id)
            # Of a run that is given up for another one, the line of the other one tells.
            if told != row.stage and (told, row.stage) != ("needs_attention", "failed"):
                yield f"run {row.run_id} is {row.stage}, and the timeline says {told}"


def _orphans(tx: Tx, yard: Yardful) -> Iterator[str]:
    for name, column in (("task_runs", "task_id"), ("task_dependencies", "task_id"), ("task_events", "task_id")):
        for (task_id,) in tx.rows(f"SELECT DISTINCT {column} FROM {name}"):
            if task_id not in yard.tasks:
                yield f"{name} knows task {task_id}, which is gone"
    known = {row.run_id for rows in yard.rows.values() for row in rows}
    for run_id in yard.runs.keys() - known:
        yield f"run {run_id} of task {yard.runs[run_id].task_id} has no row beside it"
