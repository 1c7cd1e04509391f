"""What is done to tasks."""

from __future__ import annotations

from runyard.dialects.native.mapping.task_runs import task_run_out
from runyard.dialects.native.mapping.tasks import task_out
from runyard.dialects.native.mapping.values import maybe_text, when
from runyard.dialects.native.wire import task_verbs as wire
from runyard.domain.actors import Doer
from runyard.engine.tasks.asking import Shown, Wish
from runyard.engine.tasks.details import Dependency
from runyard.engine.tasks.forcing import Force


def wish_in(data: wire.RunWish | None) -> Wish:
    """How the run is asked for."""
    if data is None:
        return Wish()
    return Wish(key=data.idempotency_key, channel=data.channel, metadata=maybe_text(data.metadata))


def pause_in(project_id: int, by: Doer, data: wire.PauseTaskIn) -> Force:
    """Who pauses, and why."""
    return Force(project_id=project_id, by=by, reason=data.reason.strip(), metadata=maybe_text(data.metadata))


def resume_in(project_id: int, by: Doer, data: wire.ResumeTaskIn | None) -> Force:
    """Who resumes."""
    return Force(project_id=project_id, by=by, metadata=maybe_text(data.metadata) if data is not None else None)


def asked_out(shown: Shown) -> wire.AskedRun:
    """The run that was asked for."""
    return wire.AskedRun(task=task_out(shown.task), run=task_run_out(shown.run))


def dependency_out(dependency: Dependency) -> wire.TaskDependency:
    """A task that another one waits for."""
    task = dependency.on.task
    return wire.TaskDependency(
        task_id=task.id, title=task.title, status=task.status.value, created_at=when(dependency.created_at)
    )
