"""Asking for runs of tasks: by publishing a draft, by starting, or plainly; once for each idempotency key."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from runyard.domain.actors import Doer
from runyard.domain.errors import Conflict, IdempotencyMismatch, Invalid, NotFound, Raced
from runyard.domain.records import Json
from runyard.domain.task_standing import settled
from runyard.domain.tasks import OPEN, Task, TaskRun, TaskStatus
from runyard.engine import channels, sizes
from runyard.engine.tasks import desk, queueing, views
from runyard.engine.tasks.queueing import Asked
from runyard.engine.tasks.timeline import note
from runyard.engine.tasks.views import RunSeen, Seen
from runyard.storage.port import Tx
from runyard.storage.statements import idempotency as keys_sql
from runyard.storage.statements import retention as retention_sql
from runyard.storage.statements import task_runs as sql

KEY = 512
"""How long an idempotency key may be."""
METADATA = 16 << 10


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of the run that is asked for."""

    key: str | None = None
    """An idempotency key: asked for again with it, the answer is the run that was queued the first time."""
    channel: str | None = None
    """The channel of the run, in place of its task's."""
    metadata: Json | None = None


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """What a run is asked for under."""

    scope: str
    name: str
    is_given: bool
    """Whether the caller chose it. Any other key stands for the verb on the task, while its run is open."""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """The run that was queued under a key before."""

    row: TaskRun
    answers: bool
    """Whether that run is the answer to whoever asks again; if not, another may be queued under the key."""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A task and one of its runs."""

    task: Seen
    run: RunSeen


def publish(tx: Tx, project_id: int, task_id: str, wish: Wish, by: Doer) -> TaskRun:
    """Make a draft a task, and queue a run of it; asked for again, the run it has, or once that ended another one.

    Raises `NotFound`, `Invalid`, or `Conflict` for a task that is no draft, or is blocked.
    """
    before, _ = desk.take(tx, project_id, task_id)
    key = key_of(wish, by, f"task.publish.{before.id}")
    held = held_by(tx, before, key)
    if held is not None and held.answers:
        return held.row
    if before.status is not TaskStatus.DRAFT and held is None:
        raise Conflict(f"the task is {before.status}; only a draft can be published")
    _check_unblocked(before)
    if before.status is not TaskStatus.DRAFT:
        return queue(tx, before, wish, by, key)
    pending = msgspec.structs.replace(before, status=TaskStatus.PENDING, updated_at=tx.now)
    after = settled(pending, tx.now)
    said = {
        "previous_status": before.status,
        "status": after.status,
        "approval_state": after.approval_state,
    }
    return queue(tx, before, wish, by, key, after=after, told=("task.published", said))


def start(tx: Tx, project_id: int, task_id: str, wish: Wish, by: Doer) -> TaskRun:
    """Queue a run of a task that nothing blocks; asked for again, the run it has, or once that ended another one.

    Raises `NotFound`, `Invalid`, or `Conflict` for a draft, a blocked or canceled task, and where no run can be queued.
    """
    before, _ = desk.take(tx, project_id, task_id)
    key = key_of(wish, by, f"task.start.{before.id}")
    held = held_by(tx, before, key)
    if held is not None and held.answers:
        return held.row
    if before.status is TaskStatus.BLOCKED:
        _check_unblocked(before)
    return queue(tx, before, wish, by, key)


def enqueue(tx: Tx, project_id: int, task_id: str, wish: Wish, by: Doer) -> TaskRun:
    """Queue a run of a task; while the task is blocked or paused, nobody can claim it.

    Raises `NotFound`, `Invalid` (an agent must name an idempotency key), and `Conflict` where no run can be queued.
    """
    if by.is_session and wish.key is None:
        raise Invalid(
            "an agent that queues a run must send an `idempotency_key`, to be told its run when it asks again"
        )
    before, _ = desk.take(tx, project_id, task_id)
    queueing.check_status(before)
    key = key_of(wish, by, None)
    held = held_by(tx, before, key)
    return held.row if held is not None and held.answers else queue(tx, before, wish, by, key)


def show(tx: Tx, project_id: int, row: TaskRun) -> Shown:
    """The run and its task as they stand. Raises `NotFound` when they are gone already."""
    task = desk.find(tx, project_id, row.task_id)
    rows = sql.get(tx, [row.run_id])
    runs = views.see_runs(tx, task, [rows[row.run_id]] if row.run_id in rows else [])
    if not runs:
        raise NotFound("the run has just been deleted")
    return Shown(task=views.see_one(tx, task), run=runs[0])


def shown_after(tx: Tx, ask: Callable[[Tx, int, str, Wish, Doer], TaskRun], project_id: int, *said: Any) -> Shown:
    """The run that is asked for in that way, and its task."""
    return show(tx, project_id, ask(tx, project_id, *said))


def key_of(wish: Wish, by: Doer, usual: str | None) -> Key | None:
    """The key to ask under: the one that was said, or the usual one of the verb. Raises `Invalid`."""
    sizes.plain("the idempotency key", wish.key, longest=KEY, shortest=1)
    name = wish.key or usual
    if name is None:
        return None
    return Key(scope=scope_of(by.origin.kind, by.origin.ref), name=name, is_given=wish.key is not None)


def scope_of(origin_kind: str, origin_ref: str) -> str:
    """Where keys are told apart: the same key means another run at another door."""
    return f"task:{origin_kind}:{origin_ref}"


def held_by(tx: Tx, task: Task, key: Key | None) -> Held | None:
    """The run that was queued under the key before. Raises `IdempotencyMismatch` when it is of another task."""
    if key is None:
        return None
    run_id = keys_sql.holders(tx, task.project_id, [(key.scope, key.name)]).get((key.scope, key.name))
    row = sql.get(tx, [run_id]).get(run_id) if run_id is not None else None
    if row is None:
        return None
    if row.task_id != task.id:
        raise IdempotencyMismatch(f"the idempotency key {key.name[:64]!r} is that of a run of another task")
    return Held(row=row, answers=key.is_given or row.stage in OPEN)


def queue(
    tx: Tx,
    before: Task,
    wish: Wish,
    by: Doer,
    key: Key | None,
    *,
    after: Task | None = None,
    told: tuple[str, Mapping[str, object]] | None = None,
) -> TaskRun:
    """Queue a run of the task, which is locked, under the key; `told` is the line that goes before.

    Raises `Conflict`, `Invalid` or `TooLarge`, and then nothing is written.
    """
    after = after or before
    queueing.check(after)
    sizes.within(METADATA, "the run's metadata", wish.metadata)
    channel = wish.channel or after.channel
    if channel is not None:
        channels.allowed(tx, after.project_id, channel, after.workspace_id)
    run_id = tx.new_id()
    if key is not None:
        _take(tx, after.project_id, key, run_id)
    if channel is not None:
        channels.check(tx, after.project_id, channel, after.workspace_id)
    if told is not None:
        note(tx, after, told[0], by, told[1])
    asked = Asked(id=run_id, key=key.name if key is not None else None, channel=wish.channel, metadata=wish.metadata)
    return queueing.queue(tx, before, by, asked, after=after)[2]


def _take(tx: Tx, project_id: int, key: Key, run_id: str) -> None:
    """Take the key for the run."""
    row = (project_id, key.scope, key.name, run_id)
    if not key.is_given:
        # Nobody else asks under it: it names the task, which is locked.
        keys_sql.lend(tx, [row])
        return
    keys_sql.take(tx, [row])
    holder = keys_sql.holders(tx, project_id, [row[1:3]]).get(row[1:3])
    if holder == run_id:
        return
    if holder is None or sql.get(tx, [holder]):
        raise Raced("a run of another task was queued under the idempotency key at this very moment; ask again")
    keys_sql.lend(tx, [row])


def forget(tx: Tx, rows: Sequence[TaskRun]) -> None:
    """Free the keys of runs that are deleted."""
    groups: dict[tuple[int, str], list[TaskRun]] = {}
    for row in rows:
        if row.key is not None:
            groups.setdefault((row.project_id, scope_of(row.origin_kind, row.origin_ref)), []).append(row)
    for (project_id, scope), some in sorted(groups.items()):
        names, ids = [row.key or "" for row in some], [row.run_id for row in some]
        tx.run(retention_sql.DELETE_KEYS, project_id=project_id, scope=scope, names=names, ids=ids)


def _check_unblocked(task: Task) -> None:
    """Raise `Conflict` when a dependency or a decision is in the way."""
    if task.unmet:
        raise Conflict(f"the task is blocked: {task.unmet} of the tasks it depends on are not completed")
    if task.is_blocked:
        raise Conflict(f"the task is blocked: it needs an approval, which is {task.approval_state}")
