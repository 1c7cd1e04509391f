"""Tasks on the wire (contract §1, §14, §23). Pure."""

from __future__ import annotations

from typing import Any

from runyard.dialects.agh.mapping.runs import ref_out, summary_out
from runyard.dialects.agh.mapping.values import instant, priority_shown, raw, shown, shown_if
from runyard.dialects.agh.wire import tasks as wire
from runyard.dialects.agh.wire.runs import Identity
from runyard.domain.actors import Actor
from runyard.domain.tasks import TaskStatus
from runyard.engine.tasks.views import RunSeen, Seen


def identity_out(actor: Actor) -> Identity:
    """Who does something."""
    return Identity(kind=actor.kind, ref=ref_out(actor))


def owner_out(actor: Actor | None) -> wire.Ownership | None:
    """Whose a task is."""
    return None if actor is None else wire.Ownership(kind=actor.kind, ref=ref_out(actor))


def said_actor_out(text: str | None) -> str:
    """Somebody as `<kind>:<ref>`."""
    kind, _, ref = (text or "").partition(":")
    return f"{kind}:{ref_out(Actor(kind, ref))}" if kind else ""


def task_out(seen: Seen) -> wire.Task:
    """A task by itself."""
    task = seen.task
    return wire.Task(**_common(seen), description=task.description or "", metadata=raw(task.metadata))


def reference_out(seen: Seen) -> wire.Reference:
    """A task in short."""
    # By itself and not from what all shapes share, since trees and lists show hundreds of these.
    task = seen.task
    return wire.Reference(
        id=shown("task", task.id),
        scope="global" if task.workspace_id is None else "workspace",
        status=task.status.value,
        title=task.title,
        latest_event_seq=seen.sequence,
        identifier=task.identifier or "",
        workspace_id=shown_if("ws", task.workspace_id),
        priority=priority_shown(task.priority),
        owner=owner_out(task.owner),
        paused=task.paused_at is not None,
        effective_paused=seen.paused_by is not None,
        paused_by_task_id=shown_if("task", seen.paused_by),
    )


def task_summary_out(
    seen: Seen, open_run: RunSeen | None = None, dependencies: list[wire.DependencyReference] | None = None
) -> wire.Summary:
    """A task in a list."""
    return wire.Summary(
        **_common(seen),
        active_run=summary_out(open_run) if open_run is not None else None,
        child_count=seen.task.children,
        dependency_count=seen.task.dependencies,
        dependencies=dependencies or [],
        last_activity_at=instant(seen.task.active_at),
    )


def _common(seen: Seen) -> dict[str, Any]:
    task = seen.task
    return {
        "id": shown("task", task.id),
        "scope": "global" if task.workspace_id is None else "workspace",
        "status": task.status.value,
        "title": task.title,
        "created_at": instant(task.created_at),
        "updated_at": instant(task.updated_at),
        "created_by": identity_out(task.creator),
        "origin": Identity(kind=task.origin_kind, ref=task.origin_ref),
        "latest_event_seq": seen.sequence,
        "identifier": task.identifier or "",
        "workspace_id": shown_if("ws", task.workspace_id),
        "parent_task_id": shown_if("task", task.parent_id),
        "priority": priority_shown(task.priority),
        "max_attempts": task.max_attempts,
        "approval_policy": task.approval_policy.value,
        "approval_state": task.approval_state.value,
        "auto_enqueue_on_ready": bool(task.auto_enqueue),
        "draft": task.status is TaskStatus.DRAFT,
        "owner": owner_out(task.owner),
        "network_channel": task.channel or "",
        "current_run_id": shown_if("run", task.current_run_id),
        "paused": task.paused_at is not None,
        "paused_by": said_actor_out(task.paused_by),
        "paused_at": instant(task.paused_at),
        "paused_reason": task.paused_reason or "",
        "effective_paused": seen.paused_by is not None,
        "paused_by_task_id": shown_if("task", seen.paused_by),
        "closed_at": instant(task.closed_at),
    }
