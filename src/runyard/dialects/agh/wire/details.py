"""Shapes of what is asked about tasks themselves, and of what is answered (contract §6, §16, §23)."""

from __future__ import annotations

import msgspec
from msgspec import Raw

from runyard.dialects.agh.wire.runs import Run, RunSummary
from runyard.dialects.agh.wire.tasks import DependencyReference, Ownership, Reference, Summary, Task
from runyard.dialects.agh.wire.timelines import Event

NOTHING = Raw(b"")


class CreateTaskRequest(msgspec.Struct, kw_only=True):
    """A task to make."""

    scope: str = ""
    title: str = ""
    id: str | None = None
    workspace: str | None = None
    description: str | None = None
    identifier: str | None = None
    priority: str | None = None
    max_attempts: int | None = None
    approval_policy: str | None = None
    auto_enqueue_on_ready: bool | None = None
    draft: bool | None = None
    owner: Ownership | None = None
    network_channel: str | None = None
    metadata: Raw = NOTHING


class UpdateTaskRequest(msgspec.Struct, kw_only=True):
    """What is to change; null is the same as nothing said."""

    title: str | None = None
    description: str | None = None
    priority: str | None = None
    max_attempts: int | None = None
    auto_enqueue_on_ready: bool | None = None
    approval_policy: str | None = None
    metadata: Raw = NOTHING
    network_channel: str | None = None
    owner: Ownership | None = None
    clear_owner: bool | None = None


class Dependency(msgspec.Struct, kw_only=True):
    """What a task waits for."""

    task_id: str
    depends_on_task_id: str
    kind: str
    created_at: str


class Detail(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A task with everything about it."""

    summary: Summary
    task: Task
    children: list[Summary] = []
    dependencies: list[Dependency] = []
    dependency_references: list[DependencyReference] = []
    runs: list[Run] = []
    events: list[Event] = []


class DetailAnswer(msgspec.Struct, kw_only=True):
    """A task with everything about it."""

    task: Detail


class TasksAnswer(msgspec.Struct, kw_only=True):
    """Tasks, the latest activity first."""

    tasks: list[Summary]


class Node(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A task in a tree."""

    task: Reference
    depth: int
    last_activity_at: str
    parent_task_id: str = ""
    child_count: int = 0
    active_run: RunSummary | None = None


class Tree(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A task with all below it."""

    root: Node
    descendants: list[Node] = []


class TreeAnswer(msgspec.Struct, kw_only=True):
    """A task with all below it."""

    tree: Tree
