"""Inboxes on the wire (contract §19). Pure."""

from __future__ import annotations

from collections.abc import Sequence

from runyard.dialects.agh.mapping.runs import channel_of, claimer_out, error_out
from runyard.dialects.agh.mapping.tasks import identity_out, owner_out
from runyard.dialects.agh.mapping.values import (
    NEVER,
    OWNERS,
    flag,
    instant,
    one_of,
    priority_shown,
    shown,
    shown_if,
    trimmed,
)
from runyard.dialects.agh.mapping.values import wanted as id_wanted
from runyard.dialects.agh.wire import triage as wire
from runyard.dialects.agh.wire.runs import Identity, RunSummary
from runyard.dialects.agh.wire.tasks import Reference
from runyard.domain.actors import Actor
from runyard.domain.errors import Invalid
from runyard.domain.inbox import InboxLane, Mark, Triage, reason_for
from runyard.engine.tasks.inbox import Glimpsed, Group
from runyard.engine.tasks.shelves import Wanted
from runyard.storage.statements.glimpses import Glimpse

SCOPES = ("global", "workspace")


def wanted_in(
    project_id: int,
    actor: Actor,
    *,
    scope: str | None,
    workspace: str | None,
    owner_kind: str | None,
    owner_ref: str | None,
    lane: str | None,
    unread: str | None,
    query: str | None,
) -> tuple[Wanted, str | None]:
    """Whose inbox is looked at and for what, and what names the workspace. Raises `Invalid`."""
    kind, named = scope_in(scope, workspace)
    word = one_of("lane", lane, tuple(InboxLane))
    owner, ref = owner_in(owner_kind, owner_ref)
    wanted = Wanted(
        project_id=project_id,
        actor=actor,
        workspace_id="" if kind == "global" else None,
        owner_kind=owner,
        owner_ref=ref,
        lane=InboxLane(word) if word is not None else None,
        unread=flag("unread", unread),
        text=trimmed(query),
    )
    return wanted, named


def scope_in(scope: str | None, workspace: str | None) -> tuple[str | None, str | None]:
    """Scope and workspace, that may be said together. Raises `Invalid`."""
    kind, named = one_of("scope", scope, SCOPES), trimmed(workspace)
    if kind == "global" and named is not None:
        raise Invalid("scope global and `workspace` exclude each other; leave `workspace` out")
    if kind == "workspace" and named is None:
        raise Invalid("scope workspace needs `workspace`: its id, name or path")
    return kind, named


def owner_in(owner_kind: str | None, owner_ref: str | None) -> tuple[str | None, str | None]:
    """Whose tasks are meant; sessions by their ids inside. Raises `Invalid`."""
    kind, ref = one_of("owner_kind", owner_kind, OWNERS), trimmed(owner_ref)
    if ref is not None and (kind == "agent_session" or (kind is None and ref.startswith("sess-"))):
        ref = id_wanted("sess", ref)
    return kind, ref


def answer_out(groups: Sequence[Group[Glimpsed]]) -> wire.InboxAnswer:
    """An inbox."""
    return wire.InboxAnswer(
        inbox=wire.Inbox(
            total=sum(group.count.all for group in groups),
            unread_total=sum(group.count.unread for group in groups),
            archived_total=sum(group.count.all for group in groups if group.lane is InboxLane.ARCHIVED),
            groups=[group_out(group) for group in groups],
        )
    )


def group_out(group: Group[Glimpsed]) -> wire.InboxGroup:
    """A lane."""
    return wire.InboxGroup(
        lane=group.lane.value,
        count=group.count.all,
        unread_count=group.count.unread,
        items=items_out(group, group.items),
    )


def items_out(group: Group[Glimpsed], items: Sequence[Glimpsed]) -> list[wire.InboxItem]:
    """Tasks of a lane."""
    lane, actor = group.lane.value, identity_out(group.actor)
    return [_item_out(item, lane, actor) for item in items]


def _item_out(item: Glimpsed, lane: str, actor: Identity) -> wire.InboxItem:
    task = item.task
    task_id = shown("task", task.id)
    reason = reason_for(task.approval_policy, task.approval_state, task.latest_stage, task.status)
    return wire.InboxItem(
        task=Reference(
            id=task_id,
            scope="global" if task.workspace_id is None else "workspace",
            status=task.status,
            title=task.title,
            latest_event_seq=task.sequence or 0,
            identifier=task.identifier or "",
            workspace_id=shown_if("ws", task.workspace_id),
            priority=priority_shown(task.priority),
            owner=owner_out(task.owner),
            paused=task.paused_at is not None,
            effective_paused=item.paused_by is not None,
            paused_by_task_id=shown_if("task", item.paused_by),
        ),
        lane=lane,
        latest_activity_at=instant(task.active_at),
        triage=_as_it_stands(task, task_id, actor),
        approval_policy=task.approval_policy,
        approval_state=task.approval_state,
        blocking_reason=str(reason) if reason is not None else "",
        run=_run_out(task, task_id, task.run_id) if task.run_id is not None else None,
    )


def _as_it_stands(task: Glimpse, task_id: str, actor: Identity) -> wire.TriageState:
    """What was seen of the task as it stands now: no record is unread, and so is one from before the last activity."""
    if task.mark is None:
        return wire.TriageState(
            task_id=task_id, actor=actor, read=False, archived=False, dismissed=False, updated_at=NEVER
        )
    return wire.TriageState(
        task_id=task_id,
        actor=actor,
        read=task.mark != Mark.UNREAD,
        archived=task.mark == Mark.ARCHIVED,
        dismissed=False,
        updated_at=instant(task.triaged_at),
        last_seen_activity_at=instant(task.seen_at),
    )


def _run_out(task: Glimpse, task_id: str, run_id: str) -> RunSummary:
    """The latest run in short, without its lease."""
    channel = None
    if task.coordination is not None:
        channel = channel_of(
            task.coordination,
            workspace_id=task.workspace_id,
            task_id=task.id,
            run_id=run_id,
            metadata=task.metadata,
        )
    return RunSummary(
        id=shown("run", run_id),
        task_id=task_id,
        status=task.stage,
        attempt=task.attempt,
        max_attempts=task.max_attempts,
        queued_at=instant(task.queued_at),
        previous_run_id=shown_if("run", task.previous_run_id),
        claimed_by=claimer_out(task.claimer),
        session_id=shown_if("sess", task.session_id),
        coordination_channel_id=task.coordination or "",
        coordination_channel=channel,
        claimed_at=instant(task.claimed_at),
        started_at=instant(task.started_at),
        ended_at=instant(task.ended_at),
        error=error_out(task.error),
        failure_kind=task.failure_kind or "",
    )


def triage_out(record: Triage) -> wire.TriageState:
    """What somebody has seen of a task, as they said it."""
    return wire.TriageState(
        task_id=shown("task", record.task_id),
        actor=identity_out(record.actor),
        read=True,
        archived=bool(record.archived),
        dismissed=bool(record.dismissed),
        updated_at=instant(record.updated_at),
        last_seen_activity_at=instant(record.seen_at),
    )
