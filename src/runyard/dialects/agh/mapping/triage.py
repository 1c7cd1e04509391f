"""Inboxes on the wire (contract §19). Pure."""

from __future__ import annotations

from collections.abc import Sequence

from runyard.dialects.agh.mapping.runs import summary_out
from runyard.dialects.agh.mapping.tasks import identity_out, reference_out
from runyard.dialects.agh.mapping.values import NEVER, OWNERS, flag, instant, one_of, shown, trimmed
from runyard.dialects.agh.mapping.values import wanted as id_wanted
from runyard.dialects.agh.wire import triage as wire
from runyard.domain.actors import Actor
from runyard.domain.errors import Invalid
from runyard.domain.inbox import InboxLane, Mark, Triage, reason_of
from runyard.engine.tasks.inbox import Group, Item
from runyard.engine.tasks.shelves import Wanted

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


def answer_out(groups: Sequence[Group]) -> wire.InboxAnswer:
    """An inbox."""
    return wire.InboxAnswer(
        inbox=wire.Inbox(
            total=sum(group.count.all for group in groups),
            unread_total=sum(group.count.unread for group in groups),
            archived_total=sum(group.count.all for group in groups if group.lane is InboxLane.ARCHIVED),
            groups=[group_out(group) for group in groups],
        )
    )


def group_out(group: Group) -> wire.InboxGroup:
    """A lane."""
    return wire.InboxGroup(
        lane=group.lane.value,
        count=group.count.all,
        unread_count=group.count.unread,
        items=[item_out(item) for item in group.items],
    )


def item_out(item: Item) -> wire.InboxItem:
    """A task in an inbox."""
    task = item.seen.task
    reason = reason_of(task)
    return wire.InboxItem(
        task=reference_out(item.seen),
        lane=item.lane.value,
        latest_activity_at=instant(task.active_at),
        triage=_as_it_stands(item),
        approval_policy=task.approval_policy.value,
        approval_state=task.approval_state.value,
        blocking_reason=reason.value if reason is not None else "",
        run=summary_out(item.run, lease=False) if item.run is not None else None,
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


def _as_it_stands(item: Item) -> wire.TriageState:
    """The same as it stands now: no record is unread, and so is one from before the latest activity."""
    record = item.triage
    return wire.TriageState(
        task_id=shown("task", item.seen.task.id),
        actor=identity_out(item.actor),
        read=record is not None and record.is_read,
        archived=record is not None and record.mark is Mark.ARCHIVED,
        dismissed=False,
        updated_at=instant(record.updated_at) if record is not None else NEVER,
        last_seen_activity_at=instant(record.seen_at) if record is not None else "",
    )
