"""Tasks."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from msgspec import UNSET

from runyard.dialects.native.mapping.task_runs import task_run_out, who_out
from runyard.dialects.native.mapping.values import lenient_id, maybe_text, maybe_when, raw, when
from runyard.dialects.native.wire import tasks as wire
from runyard.dialects.native.wire.task_runs import Who
from runyard.domain.actors import Actor
from runyard.domain.tasks import ApprovalPolicy
from runyard.engine.tasks.changing import Change
from runyard.engine.tasks.making import NewTask
from runyard.engine.tasks.trees import Node
from runyard.engine.tasks.views import Seen


def task_id(text: str) -> str:
    """The id in its canonical form; what cannot be one stays as it is, and nothing is found under it."""
    try:
        return str(UUID(text))
    except ValueError:
        return text[:256]


def new_in(data: wire.TaskIn) -> NewTask:
    """The task to make."""
    return NewTask(
        title=data.title,
        id=task_id(data.id) if data.id is not None else None,
        description=data.description,
        identifier=data.identifier,
        priority=data.priority,
        max_attempts=data.max_attempts,
        approval_policy=ApprovalPolicy(data.approval_policy),
        auto_enqueue=data.auto_enqueue,
        owner=owner_in(data.owner),
        channel=data.channel,
        metadata=maybe_text(data.metadata),
        draft=data.draft,
    )


def owner_in(owner: wire.OwnerIn | None) -> Actor | None:
    """Whose it is to be."""
    if owner is None:
        return None
    return Actor(owner.kind, lenient_id(owner.ref) if owner.kind == "agent_session" else owner.ref)


def change_in(data: wire.TaskPatch) -> Change:
    """What is to change."""
    said: dict[str, Any] = {
        name: value
        for name in ("title", "description", "priority", "max_attempts", "auto_enqueue", "channel")
        if (value := getattr(data, name)) is not UNSET
    }
    if data.approval_policy is not UNSET:
        said["approval_policy"] = ApprovalPolicy(data.approval_policy)
    if data.owner is not UNSET:
        said["owner"] = owner_in(data.owner)
    if bytes(data.metadata):
        said["metadata"] = maybe_text(data.metadata)
    return Change(**said)


def task_out(seen: Seen) -> wire.Task:
    """A task."""
    task = seen.task
    return wire.Task(
        id=task.id,
        parent_id=task.parent_id,
        workspace_id=task.workspace_id,
        title=task.title,
        description=task.description,
        identifier=task.identifier,
        status=task.status.value,
        priority=task.priority,
        max_attempts=task.max_attempts,
        attempts=task.attempts,
        approval_policy=task.approval_policy.value,
        approval_state=task.approval_state.value,
        auto_enqueue=bool(task.auto_enqueue),
        owner=who_out(task.owner),
        channel=task.channel,
        metadata=raw(task.metadata),
        created_by=Who(kind=task.creator_kind, ref=task.creator_ref),
        origin=Who(kind=task.origin_kind, ref=task.origin_ref),
        paused_at=maybe_when(task.paused_at),
        paused_by=task.paused_by,
        paused_reason=task.paused_reason,
        held_up_by=seen.paused_by,
        open_run_id=task.open_run_id,
        last_run_id=task.last_run_id,
        dependencies=task.dependencies,
        unmet=task.unmet,
        children=task.children,
        created_at=when(task.created_at),
        updated_at=when(task.updated_at),
        closed_at=maybe_when(task.closed_at),
        active_at=when(task.active_at),
    )


def node_out(node: Node) -> wire.TaskNode:
    """A task in a tree."""
    run = task_run_out(node.open_run) if node.open_run is not None else None
    return wire.TaskNode(depth=node.depth, task=task_out(node.seen), open_run=run)
