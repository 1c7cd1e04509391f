"""Changing what a task says of itself; its status and its open run follow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from runyard.domain.actors import Actor, Doer
from runyard.domain.canonical import canonical
from runyard.domain.errors import Invalid
from runyard.domain.records import Json
from runyard.domain.tasks import ApprovalPolicy, Task, TaskApproval
from runyard.engine import channels
from runyard.engine.tasks import desk, making, queueing, views
from runyard.engine.tasks.timeline import note
from runyard.engine.tasks.views import Seen
from runyard.storage.port import Tx


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What a task is to say from now on; what is unset stays."""

    title: str | UnsetType = UNSET
    description: str | None | UnsetType = UNSET
    priority: int | UnsetType = UNSET
    max_attempts: int | UnsetType = UNSET
    auto_enqueue: bool | UnsetType = UNSET
    approval_policy: ApprovalPolicy | UnsetType = UNSET
    metadata: Json | None | UnsetType = UNSET
    owner: Actor | None | UnsetType = UNSET
    channel: str | None | UnsetType = UNSET


FIELDS: Mapping[str, str] = {
    "title": "title",
    "description": "description",
    "priority": "priority",
    "max_attempts": "max_attempts",
    "auto_enqueue": "auto_enqueue_on_ready",
    "approval_policy": "approval_policy",
    "metadata": "metadata",
    "owner": "owner",
    "channel": "network_channel",
}
"""How the timeline calls what was changed."""
_CHECKS: Mapping[str, Callable[[Any], Any]] = {
    "title": making.check_title,
    "max_attempts": making.check_attempts,
    "auto_enqueue": int,
    "metadata": making.check_metadata,
    "owner": making.check_owner,
    "channel": making.check_channel,
}


def change(tx: Tx, project_id: int, task_id: str, asked: Change, by: Doer) -> Task:
    """Change the task; where nothing differs from what it says already, nothing happens.

    Another approval policy asks anew for a decision, or for none. Raises `NotFound`, `Invalid` or `TooLarge`.
    """
    given = {name: value for name in FIELDS if (value := getattr(asked, name)) is not UNSET}
    if not given:
        raise Invalid(f"say what is to be changed: one of {', '.join(FIELDS.values())}")
    wanted = {name: _CHECKS[name](value) if name in _CHECKS else value for name, value in given.items()}
    before, run = desk.take(tx, project_id, task_id)
    differing = [name for name in wanted if not _same(name, wanted[name], getattr(before, name))]
    if not differing:
        return before
    channel = wanted["channel"] if "channel" in differing else None
    if channel is not None:
        channels.check(tx, project_id, channel, before.workspace_id)
    after = msgspec.structs.replace(before, **_columns({name: wanted[name] for name in differing}))
    after = msgspec.structs.replace(after, updated_at=tx.now, active_at=tx.now)
    desk.move_runs(tx, before, after)
    written = desk.write(tx, [(before, after)])
    task = written.tasks[before.id]
    if run is not None and {"priority", "owner"} & set(differing):
        queueing.refit(tx, task)
    note(tx, task, "task.updated", by, {"changed_fields": [FIELDS[name] for name in differing], "status": task.status})
    queueing.auto(tx, written.freed, by)
    return desk.find(tx, project_id, task.id) if written.freed else task


def change_seen(tx: Tx, project_id: int, task_id: str, asked: Change, by: Doer) -> Seen:
    """`change`, and the task as it is shown."""
    return views.see_one(tx, change(tx, project_id, task_id, asked, by))


def _same(name: str, one: Any, other: Any) -> bool:
    if name == "metadata" and one is not None and other is not None:
        return canonical(one) == canonical(other)
    return bool(one == other)


def _columns(changes: Mapping[str, Any]) -> dict[str, Any]:
    columns = dict(changes)
    if "owner" in columns:
        owner: Actor | None = columns.pop("owner")
        columns["owner_kind"] = owner.kind if owner is not None else None
        columns["owner_ref"] = owner.ref if owner is not None else None
    if "approval_policy" in columns:
        manual = columns["approval_policy"] is ApprovalPolicy.MANUAL
        columns["approval_state"] = TaskApproval.PENDING if manual else TaskApproval.NOT_REQUIRED
    return columns
