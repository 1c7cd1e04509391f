"""Shapes of what is done to tasks (contract §6, §12–§15)."""

from __future__ import annotations

import msgspec
from msgspec import Raw

from runyard.dialects.agh.wire.runs import Run
from runyard.dialects.agh.wire.tasks import Task


class TaskExecutionRequest(msgspec.Struct, kw_only=True):
    """How a run is asked for."""

    idempotency_key: str | None = None
    metadata: Raw = Raw(b"")
    network_channel: str | None = None


class ReasonMetadataRequest(msgspec.Struct, kw_only=True):
    """Why, and what else is to be said."""

    reason: str | None = None
    metadata: Raw = Raw(b"")


class MetadataRequest(msgspec.Struct, kw_only=True):
    """What is to be said."""

    metadata: Raw = Raw(b"")


class AddTaskDependencyRequest(msgspec.Struct, kw_only=True):
    """What a task is to wait for."""

    depends_on_task_id: str
    kind: str | None = None


class ExecutionAnswer(msgspec.Struct, kw_only=True):
    """A task, and the run that was asked for."""

    task: Task
    run: Run
