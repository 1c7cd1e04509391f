"""What is asked about tasks themselves, and what is answered, between the wire and the engine. Pure."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from runyard.dialects.agh.mapping.runs import run_out, summary_out
from runyard.dialects.agh.mapping.tasks import reference_out, task_out, task_summary_out
from runyard.dialects.agh.mapping.timelines import event_out
from runyard.dialects.agh.mapping.values import (
    OWNERS,
    PRIORITIES,
    flag,
    given,
    instant,
    one_of,
    read,
    shown,
    shown_if,
    trimmed,
    wanted,
)
from runyard.dialects.agh.wire import details as wire
from runyard.dialects.agh.wire.tasks import DependencyReference, Ownership, Summary
from runyard.domain.actors import Actor
from runyard.domain.errors import Invalid, NotFound
from runyard.domain.tasks import ApprovalPolicy, TaskApproval, TaskStatus
from runyard.engine.tasks.changing import Change
from runyard.engine.tasks.details import Dependency, Detail, Listed
from runyard.engine.tasks.listing import Wanted
from runyard.engine.tasks.making import NewTask
from runyard.engine.tasks.trees import Node

SCOPES = ("global", "workspace")
POLICIES = tuple(policy.value for policy in ApprovalPolicy)
KIND = "blocks"
"""The one kind of dependency."""
_NEXT = {"low": 4, "medium": 6, "high": 8, "urgent": 11}
"""The first of the engine's priorities that is shown as a higher one."""


def new_in(data: wire.CreateTaskRequest, project_id: int) -> tuple[NewTask, str | None]:
    """The task to make, and what names its workspace. Raises `Invalid`."""
    scope, workspace = _scope(data.scope, data.workspace)
    if scope is None:
        raise Invalid("`scope` is needed: global or workspace")
    if scope == "workspace" and workspace is None:
        raise Invalid("a task of scope workspace needs `workspace`: its id, name or path")
    task_id = trimmed(data.id)
    new = NewTask(
        title=data.title,
        id=_task_id(task_id, project_id) if task_id is not None else None,
        description=data.description or None,
        identifier=trimmed(data.identifier),
        priority=PRIORITIES[one_of("priority", data.priority, tuple(PRIORITIES)) or "medium"],
        max_attempts=3 if data.max_attempts is None else data.max_attempts,
        approval_policy=ApprovalPolicy(one_of("approval_policy", data.approval_policy, POLICIES) or "none"),
        auto_enqueue=bool(data.auto_enqueue_on_ready),
        owner=owner_in(data.owner, project_id),
        channel=trimmed(data.network_channel),
        metadata=given(data.metadata),
        draft=bool(data.draft),
    )
    return new, workspace


def _scope(scope: str | None, workspace: str | None) -> tuple[str | None, str | None]:
    """Scope and workspace, that may be said together. Raises `Invalid`."""
    found, named = one_of("scope", scope, SCOPES), trimmed(workspace)
    if found == "global" and named is not None:
        raise Invalid("scope global and `workspace` exclude each other; leave `workspace` out")
    return found, named


def _task_id(text: str, project_id: int) -> str:
    try:
        return read("task", text, project_id)
    except NotFound:
        raise Invalid("a task's id has at most 128 characters") from None


def owner_in(owner: Ownership | None, project_id: int) -> Actor | None:
    """The owner; a session by its id inside. Raises `Invalid`."""
    if owner is None:
        return None
    kind, ref = one_of("owner.kind", owner.kind, OWNERS), owner.ref.strip()
    if kind is None or not ref:
        raise Invalid(f"an owner needs a `kind`, one of {', '.join(OWNERS)}, and a `ref` that is not blank")
    return Actor(kind, _ref(kind, ref, project_id))


def _ref(kind: str, ref: str, project_id: int) -> str:
    if kind != "agent_session":
        return ref
    try:
        return read("sess", ref, project_id)
    except NotFound:
        raise Invalid("the id of a session has at most 128 characters") from None


def change_in(data: wire.UpdateTaskRequest, project_id: int) -> Change:
    """What is to change. Raises `Invalid`."""
    if data.owner is not None and data.clear_owner:
        raise Invalid("`owner` and `clear_owner` exclude each other; send one of them")
    owner: Any = UNSET
    if data.owner is not None:
        owner = owner_in(data.owner, project_id)
    elif data.clear_owner:
        owner = None
    priority = one_of("priority", data.priority, tuple(PRIORITIES))
    policy = one_of("approval_policy", data.approval_policy, POLICIES)
    metadata = given(data.metadata)
    return Change(
        title=UNSET if data.title is None else data.title,
        description=UNSET if data.description is None else data.description or None,
        priority=UNSET if priority is None else PRIORITIES[priority],
        max_attempts=UNSET if data.max_attempts is None else data.max_attempts,
        auto_enqueue=UNSET if data.auto_enqueue_on_ready is None else data.auto_enqueue_on_ready,
        approval_policy=UNSET if policy is None else ApprovalPolicy(policy),
        metadata=UNSET if metadata is None else metadata,
        channel=UNSET if data.network_channel is None else trimmed(data.network_channel),
        owner=owner,
    )


def wanted_in(
    project_id: int,
    *,
    scope: str | None,
    workspace: str | None,
    status: str | None,
    priority: str | None,
    include_drafts: str | None,
    approval_state: str | None,
    owner_kind: str | None,
    owner_ref: str | None,
    parent_task_id: str | None,
    network_channel: str | None,
    query: str | None,
) -> tuple[Wanted, str | None]:
    """Which tasks to list, and what names their workspace. Raises `Invalid`."""
    kind, named = _scope(scope, workspace)
    if kind == "workspace" and named is None:
        raise Invalid("scope workspace needs `workspace`: its id, name or path")
    word = one_of("priority", priority, tuple(PRIORITIES))
    stated = one_of("status", status, tuple(TaskStatus))
    decided = one_of("approval_state", approval_state, tuple(TaskApproval))
    owner = one_of("owner_kind", owner_kind, OWNERS)
    ref = trimmed(owner_ref)
    if ref is not None and owner in (None, "agent_session"):
        ref = wanted("sess", ref, project_id) if owner is not None or ref.startswith("sess-") else ref
    asked = Wanted(
        no_workspace=kind == "global",
        status=TaskStatus(stated) if stated is not None else None,
        drafts=flag("include_drafts", include_drafts),
        least_priority=PRIORITIES[word] if word is not None and word != "low" else 0,
        most_priority=_NEXT[word] - 1 if word is not None else 10,
        approval_state=TaskApproval(decided) if decided is not None else None,
        owner_kind=owner,
        owner_ref=ref,
        parent_id=wanted("task", parent_task_id, project_id),
        channel=trimmed(network_channel),
        text=trimmed(query),
    )
    return asked, named


def listed_out(listed: Listed) -> Summary:
    """A task in a list."""
    return task_summary_out(
        listed.seen, listed.open_run, [dependency_reference_out(one) for one in listed.dependencies]
    )


def dependency_reference_out(dependency: Dependency) -> DependencyReference:
    """What a task waits for, with that task."""
    return DependencyReference(
        task_id=shown("task", dependency.task_id),
        depends_on_task_id=shown("task", dependency.on.task.id),
        kind=KIND,
        created_at=instant(dependency.created_at),
        depends_on=reference_out(dependency.on),
    )


def detail_out(detail: Detail) -> wire.DetailAnswer:
    """A task with everything about it."""
    summary = listed_out(detail.listed)
    dependencies = [
        wire.Dependency(
            task_id=one.task_id,
            depends_on_task_id=one.depends_on_task_id,
            kind=one.kind,
            created_at=one.created_at,
        )
        for one in summary.dependencies
    ]
    return wire.DetailAnswer(
        task=wire.Detail(
            summary=summary,
            task=task_out(detail.listed.seen),
            children=[listed_out(one) for one in detail.children],
            dependencies=dependencies,
            dependency_references=summary.dependencies,
            runs=[run_out(one) for one in detail.runs],
            events=[event_out(one) for one in detail.events],
        )
    )


def node_out(node: Node) -> wire.Node:
    """A task in a tree."""
    task = node.seen.task
    return wire.Node(
        task=reference_out(node.seen),
        depth=node.depth,
        last_activity_at=instant(task.active_at),
        parent_task_id=shown_if("task", task.parent_id),
        child_count=task.children,
        active_run=summary_out(node.open_run) if node.open_run is not None else None,
    )
