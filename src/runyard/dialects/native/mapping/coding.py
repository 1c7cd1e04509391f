"""Coding tasks and their runs."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Raw

from runyard.dialects.native.mapping.values import lenient_id, maybe_text, maybe_when, raw, when
from runyard.dialects.native.wire import coding as wire
from runyard.domain.canonical import decoded
from runyard.domain.coding import CodingSeen, Entry, TaskSeen
from runyard.domain.errors import Invalid
from runyard.domain.states import RunState
from runyard.engine.coding.changes import Change
from runyard.engine.coding.changing import TaskChange
from runyard.engine.coding.runs import NewCodingRun
from runyard.engine.coding.tasks import NewCodingTask


def new_task(data: wire.CodingTaskIn, key_id: str | None) -> NewCodingTask:
    """The task to make."""
    return NewCodingTask(
        title=data.title,
        titled=bool(data.title.strip()),
        description=data.description,
        product=data.product,
        repository=data.repository,
        integration=data.integration,
        output_schema=maybe_text(data.output_schema),
        creator=key_id,
    )


def task_change(data: wire.CodingTaskPatch) -> TaskChange:
    """What is to change of a task."""
    return TaskChange(
        title=data.title,
        description=data.description,
        product=data.product,
        repository=data.repository,
        integration=data.integration,
        output_schema=maybe_text(data.output_schema) if bytes(data.output_schema) else UNSET,
    )


def new_run(data: wire.CodingRunIn) -> NewCodingRun:
    """The run to make. Raises `Invalid`."""
    return NewCodingRun(
        queued=data.queued,
        sandboxed=data.sandboxed,
        stage=data.stage,
        branch=data.branch,
        state=members(data.shared),
    )


def resumed(data: wire.CodingRunIn) -> str | None:
    """The run from which the new one goes on."""
    return lenient_id(data.resume_from) if data.resume_from is not None else None


def members(value: Raw) -> dict[str, Any]:
    """The members of the object that was sent, none where nothing was. Raises `Invalid`."""
    text = bytes(value)
    found = decoded(text.decode()) if text else {}
    if not isinstance(found, dict):
        raise Invalid("`shared` must be an object")
    return found


def run_change(data: wire.CodingRunPatch, *, trusted: bool) -> Change:
    """What is to change of a run. Raises `Invalid`."""
    shared = members(data.shared)
    return Change(
        state=RunState(data.state) if data.state is not UNSET else UNSET,
        stage=data.stage,
        branch=data.branch,
        error=data.error,
        output=decoded(bytes(data.output).decode()) if bytes(data.output) else UNSET,
        shared=shared,
        removed=tuple(data.removed),
        outside=data.outside,
        trusted=trusted,
    )


def run_out(seen: CodingSeen) -> wire.CodingRun:
    """A run."""
    run, row = seen.run, seen.row
    return wire.CodingRun(
        run_id=run.id,
        task_id=row.task_id,
        number=row.number,
        state=run.state.value,
        sandboxed=bool(row.sandboxed),
        stage=row.stage,
        branch=row.branch,
        shared=Raw(row.state.encode()),
        output=raw(run.output),
        error=raw(run.error),
        log_entries=row.entries,
        manifest=[file_out(entry) for entry in seen.manifest],
        created_at=when(run.created_at),
        updated_at=when(seen.updated_at),
        finished_at=maybe_when(run.finished_at),
    )


def file_out(entry: Entry) -> wire.CodingFile:
    """A file of the manifest."""
    return wire.CodingFile(
        id=entry.artifact_id,
        name=entry.name,
        kind=entry.kind,
        source=entry.source,
        content_type=entry.content_type,
        size=entry.size,
        sha256=entry.sha256,
        path=entry.path,
        metadata=raw(entry.metadata),
        created_at=when(entry.at),
    )


def task_out(seen: TaskSeen) -> wire.CodingTask:
    """A task."""
    row = seen.row
    return wire.CodingTask(
        id=row.task_id,
        number=row.number,
        title=seen.title,
        is_titled=bool(row.titled),
        description=seen.description,
        product=row.product,
        repository=row.repository,
        integration=row.integration,
        output_schema=raw(row.output_schema),
        key_id=row.creator,
        latest_run=run_out(seen.latest) if seen.latest is not None else None,
        created_at=when(row.created_at),
        updated_at=when(seen.updated_at),
    )
