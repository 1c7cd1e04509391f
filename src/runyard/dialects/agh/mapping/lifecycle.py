"""What is done to tasks, between the wire and the engine. Pure."""

from __future__ import annotations

from runyard.dialects.agh.mapping.details import KIND
from runyard.dialects.agh.mapping.runs import run_out
from runyard.dialects.agh.mapping.tasks import task_out
from runyard.dialects.agh.mapping.values import given, one_of, read, trimmed
from runyard.dialects.agh.wire import lifecycle as wire
from runyard.domain.actors import Doer
from runyard.domain.errors import Invalid
from runyard.engine.tasks.asking import Shown, Wish
from runyard.engine.tasks.forcing import Force


def wish_in(data: wire.TaskExecutionRequest | None) -> Wish:
    """How the run is asked for."""
    if data is None:
        return Wish()
    return Wish(key=trimmed(data.idempotency_key), channel=trimmed(data.network_channel), metadata=given(data.metadata))


def force_in(
    project_id: int, by: Doer, data: wire.ReasonMetadataRequest | wire.MetadataRequest | None, *, agents_may: bool
) -> Force:
    """Who pauses or resumes, and why."""
    reason = trimmed(data.reason) if isinstance(data, wire.ReasonMetadataRequest) else None
    metadata = given(data.metadata) if data is not None else None
    return Force(project_id=project_id, by=by, agents_may=agents_may, reason=reason or "", metadata=metadata)


def dependency_in(data: wire.AddTaskDependencyRequest, project_id: int) -> str:
    """The task to wait for. Raises `Invalid` and `NotFound`."""
    one_of("kind", data.kind, (KIND,))
    if not data.depends_on_task_id.strip():
        raise Invalid("`depends_on_task_id` must name the task to wait for")
    return read("task", data.depends_on_task_id, project_id)


def execution_out(shown: Shown) -> wire.ExecutionAnswer:
    """A task, and the run that was asked for."""
    return wire.ExecutionAnswer(task=task_out(shown.task), run=run_out(shown.run))
