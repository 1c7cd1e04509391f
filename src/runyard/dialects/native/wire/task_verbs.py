"""What is done to tasks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Raw

from runyard.dialects.native.wire.task_runs import TaskRun
from runyard.dialects.native.wire.tasks import Channel, Status, Task
from runyard.dialects.native.wire.values import NOTHING

Reason = Annotated[str, Meta(min_length=1, max_length=4096)]


class RunWish(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How a run of a task is asked for."""

    idempotency_key: Annotated[str, Meta(min_length=1, max_length=512)] | None = None
    """Asked for again with it, the answer is the run that was queued the first time."""
    channel: Channel | None = None
    """The channel of the run, in place of its task's."""
    metadata: Raw = NOTHING


class PauseTaskIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why a task is held up."""

    reason: Reason
    metadata: Raw = NOTHING


class ResumeTaskIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What to say as a task goes on."""

    metadata: Raw = NOTHING


class CancelTaskIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why a task is called off."""

    reason: Reason | None = None
    metadata: Raw = NOTHING


class TaskDependencyIn(msgspec.Struct, kw_only=True):
    """The task to wait for."""

    depends_on: Annotated[str, Meta(min_length=1, max_length=160)]


class AskedRun(msgspec.Struct, kw_only=True):
    """A run of a task, and the task."""

    task: Task
    run: TaskRun


class TaskDependency(msgspec.Struct, kw_only=True):
    """A task that another one waits for."""

    task_id: str
    title: str
    status: Status
    created_at: datetime
    """Since when it is waited for."""
