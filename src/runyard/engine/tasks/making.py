"""Making tasks, alone or below others."""

from __future__ import annotations

import re

import msgspec

from runyard.domain.actors import Actor, Doer
from runyard.domain.errors import AlreadyExists, Conflict, Invalid
from runyard.domain.records import Json
from runyard.domain.task_standing import settled
from runyard.domain.tasks import (
    MAX_ATTEMPTS,
    MAX_CHILDREN,
    MAX_LEVELS,
    MEDIUM,
    OWNERS,
    ApprovalPolicy,
    Task,
    TaskApproval,
    TaskStatus,
)
from runyard.engine import channels, sessions, sizes, workspaces
from runyard.engine.tasks import desk, views
from runyard.engine.tasks.timeline import note
from runyard.engine.tasks.views import Seen
from runyard.storage.port import Tx
from runyard.storage.statements import tasks as sql

METADATA = 16 << 10
OWNER = 256
"""Bytes that an owner's name has at most."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}").fullmatch
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch
_CHANNEL = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}").fullmatch


class NewTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task to make. Priorities are the engine's, 0 to 10."""

    title: str
    id: str | None = None
    """What it is to be called, instead of an id of ours: a UUID, or any other name that is free in the project.

    A name may stand behind the project's number, as ids have it: `1~release`.
    """
    workspace_id: str | None = None
    description: str | None = None
    identifier: str | None = None
    priority: int = MEDIUM
    max_attempts: int = 3
    approval_policy: ApprovalPolicy = ApprovalPolicy.NONE
    auto_enqueue: bool = False
    owner: Actor | None = None
    channel: str | None = None
    metadata: Json | None = None
    draft: bool = False


def make(
    tx: Tx, project_id: int, new: NewTask, by: Doer, *, parent_id: str | None = None, workspace: str | None = None
) -> Task:
    """Make a task, below another where one is named, in the workspace of that id, name or root directory.

    Raises what `create_child` raises, `NotFound` for an unknown workspace, and `IdentityForbidden` when a session makes
    a task for a workspace that is not its own.
    """
    if workspace is not None:
        new = msgspec.structs.replace(new, workspace_id=workspaces.resolve(tx, project_id, workspace))
    if by.is_session and new.workspace_id is not None:
        session = sessions.find(tx, project_id, by.actor.ref)
        if session.workspace_id != new.workspace_id:
            raise sessions.IdentityForbidden("a session makes tasks of its own workspace, or of none")
    channel = check_channel(new.channel)
    if channel is not None:
        channels.allowed(tx, project_id, channel, new.workspace_id)
    if parent_id is not None:
        task = create_child(tx, project_id, parent_id, new, by)
    else:
        task = create(tx, project_id, new, by)
    if channel is not None:
        channels.check(tx, project_id, channel, task.workspace_id)
    return task


def make_seen(
    tx: Tx, project_id: int, new: NewTask, by: Doer, *, parent_id: str | None = None, workspace: str | None = None
) -> Seen:
    """`make`, and the task as it is shown."""
    return views.see_one(tx, make(tx, project_id, new, by, parent_id=parent_id, workspace=workspace))


def create(tx: Tx, project_id: int, new: NewTask, by: Doer) -> Task:
    """Make a task at the top. Raises `Invalid`, `TooLarge` or `AlreadyExists`."""
    return _make(tx, project_id, new, by, None)


def create_child(tx: Tx, project_id: int, parent_id: str, new: NewTask, by: Doer) -> Task:
    """Make a task below another. Raises also `NotFound`, and `Conflict` beyond 64 children or 8 levels."""
    parent, _ = desk.take(tx, project_id, parent_id)
    if parent.workspace_id is not None and new.workspace_id != parent.workspace_id:
        raise Invalid("a task below one of a workspace must be of the same workspace")
    if parent.children >= MAX_CHILDREN:
        raise Conflict(f"the task has {MAX_CHILDREN} children already, which is the most a task may have")
    if len(parent.ancestors) + 2 > MAX_LEVELS:
        raise Conflict(f"tasks may not be nested deeper than {MAX_LEVELS} levels")
    task = _make(tx, project_id, new, by, parent)
    grown = msgspec.structs.replace(parent, children=parent.children + 1, active_at=tx.now)
    parent = desk.write_one(tx, parent, grown)
    said = {"child_task_id": task.id, "child_workspace_id": task.workspace_id}
    note(tx, parent, "task.child_created", by, said | {"child_scope": scope_of(task)})
    return task


def scope_of(task: Task) -> str:
    """`workspace` or `global`."""
    return "global" if task.workspace_id is None else "workspace"


def check_title(title: str) -> str:
    """The title without blanks around it. Raises `Invalid` for a blank one."""
    title = title.strip()
    if not title:
        raise Invalid("a task needs a title that is not blank")
    return title


def check_attempts(max_attempts: int) -> int:
    """The number, if it may be one of attempts. Raises `Invalid`."""
    if not 1 <= max_attempts <= MAX_ATTEMPTS:
        raise Invalid(f"max_attempts must be from 1 to {MAX_ATTEMPTS}, not {max_attempts}")
    return max_attempts


def check_owner(owner: Actor | None) -> Actor | None:
    """The owner, of one of the known kinds. Raises `Invalid`."""
    if owner is None:
        return None
    if owner.kind not in OWNERS:
        raise Invalid(f"an owner's kind must be one of {', '.join(OWNERS)}, not {owner.kind[:64]!r}")
    if not owner.ref.strip() or len(owner.ref.encode()) > OWNER:
        raise Invalid(f"an owner's name must not be blank, nor longer than {OWNER} bytes")
    return owner


def check_channel(name: str | None) -> str | None:
    """The channel's name. Raises `Invalid` for one that cannot be a channel's."""
    if name is not None and _CHANNEL(name) is None:
        raise Invalid("a channel's name has 1 to 64 of a-z, 0-9, _ and -, and begins with a letter or digit")
    return name


def check_metadata(metadata: Json | None) -> Json | None:
    """The metadata. Raises `TooLarge` beyond 16 KiB."""
    if metadata is not None:
        sizes.within(METADATA, "the task's metadata", metadata)
    return metadata


def _make(tx: Tx, project_id: int, new: NewTask, by: Doer, parent: Task | None) -> Task:
    task_id = _id(tx, project_id, new.id)
    owner = check_owner(new.owner)
    manual = new.approval_policy is ApprovalPolicy.MANUAL
    task = Task(
        id=task_id,
        project_id=project_id,
        root_id=parent.root_id if parent is not None else task_id,
        parent_id=parent.id if parent is not None else None,
        path=f"{parent.path if parent is not None else ''}/{task_id}",
        workspace_id=new.workspace_id,
        title=check_title(new.title),
        description=new.description,
        identifier=new.identifier,
        priority=new.priority,
        status=TaskStatus.DRAFT if new.draft else TaskStatus.PENDING,
        lane=None,
        max_attempts=check_attempts(new.max_attempts),
        approval_policy=new.approval_policy,
        approval_state=TaskApproval.PENDING if manual else TaskApproval.NOT_REQUIRED,
        auto_enqueue=int(new.auto_enqueue),
        auto_pending=0,
        owner_kind=owner.kind if owner is not None else None,
        owner_ref=owner.ref if owner is not None else None,
        channel=check_channel(new.channel),
        metadata=check_metadata(new.metadata),
        profile=None,
        creator_kind=by.actor.kind,
        creator_ref=by.actor.ref,
        origin_kind=by.origin.kind,
        origin_ref=by.origin.ref,
        paused_at=None,
        paused_by=None,
        paused_reason=None,
        attempts=0,
        open_run_id=None,
        open_stage=None,
        last_run_id=None,
        last_stage=None,
        dependencies=0,
        unmet=0,
        children=0,
        created_at=tx.now,
        updated_at=tx.now,
        closed_at=None,
        active_at=tx.now,
    )
    task = settled(task, tx.now)
    sql.add(tx, [task])
    desk.recount(tx, [], [task])
    said = {
        "scope": scope_of(task),
        "workspace_id": task.workspace_id,
        "parent_task_id": task.parent_id,
        "status": task.status,
        "network_channel": task.channel,
        "owner": msgspec.to_builtins(task.owner) if task.owner is not None else None,
    }
    note(tx, task, "task.created", by, said)
    return task


def _id(tx: Tx, project_id: int, wanted: str | None) -> str:
    """The id of a new task: a fresh one, the UUID, or `<project>~<name>`. Raises `Invalid` or `AlreadyExists`."""
    if wanted is None:
        return tx.new_id()
    name = wanted.removeprefix(f"{project_id}~")
    if _UUID(wanted) is None and _NAME(name) is None:
        raise Invalid("a task's id has up to 128 of A-Z, a-z, 0-9, ., _, : and -, and begins with a letter or digit")
    task_id = wanted if _UUID(wanted) is not None else f"{project_id}~{name}"
    if sql.get(tx, [task_id]):
        raise AlreadyExists(f"there is a task {name!r} already")
    return task_id
