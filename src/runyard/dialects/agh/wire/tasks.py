"""Shapes of tasks. Fields with a default are left out where they have it (contract §1)."""

from __future__ import annotations

import msgspec
from msgspec import Raw

from runyard.dialects.agh.wire.runs import Identity, RunSummary


class Ownership(msgspec.Struct, kw_only=True):
    """Whose a task is."""

    kind: str
    ref: str


class Reference(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A task in short."""

    id: str
    scope: str
    status: str
    title: str
    latest_event_seq: int
    identifier: str = ""
    workspace_id: str = ""
    priority: str = ""
    owner: Ownership | None = None
    paused: bool = False
    effective_paused: bool = False
    paused_by_task_id: str = ""


class Task(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A task by itself."""

    id: str
    scope: str
    status: str
    title: str
    created_at: str
    updated_at: str
    created_by: Identity
    origin: Identity
    latest_event_seq: int
    identifier: str = ""
    workspace_id: str = ""
    parent_task_id: str = ""
    description: str = ""
    priority: str = ""
    max_attempts: int = 0
    approval_policy: str = ""
    approval_state: str = ""
    auto_enqueue_on_ready: bool = False
    draft: bool = False
    owner: Ownership | None = None
    network_channel: str = ""
    metadata: Raw | None = None
    current_run_id: str = ""
    paused: bool = False
    paused_by: str = ""
    paused_at: str = ""
    paused_reason: str = ""
    effective_paused: bool = False
    paused_by_task_id: str = ""
    closed_at: str = ""


class DependencyReference(msgspec.Struct, kw_only=True):
    """What a task waits for, with the task itself in short."""

    task_id: str
    depends_on_task_id: str
    kind: str
    created_at: str
    depends_on: Reference


class Summary(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A task in a list."""

    id: str
    scope: str
    status: str
    title: str
    created_at: str
    updated_at: str
    created_by: Identity
    origin: Identity
    latest_event_seq: int
    identifier: str = ""
    workspace_id: str = ""
    parent_task_id: str = ""
    priority: str = ""
    max_attempts: int = 0
    approval_policy: str = ""
    approval_state: str = ""
    auto_enqueue_on_ready: bool = False
    draft: bool = False
    owner: Ownership | None = None
    network_channel: str = ""
    current_run_id: str = ""
    active_run: RunSummary | None = None
    child_count: int = 0
    dependency_count: int = 0
    dependencies: list[DependencyReference] = []
    paused: bool = False
    paused_by: str = ""
    paused_at: str = ""
    paused_reason: str = ""
    effective_paused: bool = False
    paused_by_task_id: str = ""
    last_activity_at: str = ""
    closed_at: str = ""


class TaskAnswer(msgspec.Struct, kw_only=True):
    """A task."""

    task: Task
