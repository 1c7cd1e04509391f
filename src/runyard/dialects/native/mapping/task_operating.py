"""Runs of tasks by themselves, and what people do to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runyard.dialects.native.mapping.executors import refusal
from runyard.dialects.native.mapping.scheduler import task_event_out
from runyard.dialects.native.mapping.task_runs import task_run_out
from runyard.dialects.native.mapping.tasks import task_out
from runyard.dialects.native.mapping.values import lenient_id, maybe_text, when
from runyard.dialects.native.wire import task_operating as wire
from runyard.dialects.native.wire.executors import ResultError
from runyard.domain import troubles
from runyard.domain.actors import Doer
from runyard.domain.errors import DomainError
from runyard.domain.sessions import Session
from runyard.engine.tasks.forcing import Force
from runyard.engine.tasks.inspecting import Inspection
from runyard.engine.tasks.run_details import RunDetail
from runyard.engine.tasks.succeeding import Succession
from runyard.engine.tasks.views import RunSeen


def session_out(session_id: str | None, session: Session | None) -> wire.RunSession | None:
    """The session that has a run; of one that is gone no more than its id."""
    if session_id is None:
        return None
    if session is None:
        nothing: dict[str, Any] = dict.fromkeys(wire.RunSession.__struct_fields__)
        return wire.RunSession(**nothing | {"id": session_id, "state": "missing"})
    return wire.RunSession(
        id=session.id,
        state=session.state.value,
        agent=session.agent,
        workspace_id=session.workspace_id,
        created_at=when(session.created_at),
        active_at=when(session.active_at),
        stop_reason=session.stop_reason,
        failure=session.failure,
    )


def detail_out(found: RunDetail) -> wire.TaskRunDetail:
    """A run with its task and its session."""
    return wire.TaskRunDetail(
        run=task_run_out(found.run),
        task=task_out(found.task),
        session=session_out(found.run.row.session_id, found.session),
        active_at=when(found.active_at),
        tool_calls=found.tool_calls,
        last_event=task_event_out(found.last_event) if found.last_event is not None else None,
    )


def force_in(project_id: int, by: Doer, data: wire.ForceIn | wire.ForceFailIn | None) -> Force:
    """Who forces something, and why."""
    if data is None:
        return Force(project_id=project_id, by=by)
    return Force(project_id=project_id, by=by, reason=(data.reason or "").strip(), metadata=maybe_text(data.metadata))


def ids_in(ids: Sequence[str]) -> list[str]:
    """The runs that are meant, each once."""
    return list(dict.fromkeys(map(lenient_id, ids)))


def results_out(ids: Sequence[str], outcomes: Sequence[RunSeen | DomainError]) -> wire.ForceResults:
    """What became of each run."""
    return wire.ForceResults(results=[_result(one, outcome) for one, outcome in zip(ids, outcomes, strict=True)])


def _result(run_id: str, outcome: RunSeen | DomainError) -> wire.ForceResult:
    if isinstance(outcome, DomainError):
        status, code = refusal(outcome)
        error = ResultError(code=code, detail=outcome.detail, status=status, state=None)
        return wire.ForceResult(run_id=run_id, run=None, error=error)
    return wire.ForceResult(run_id=run_id, run=task_run_out(outcome), error=None)


def succession_out(done: Succession) -> wire.Succession:
    """A run, and the one that takes its place."""
    return wire.Succession(previous=task_run_out(done.previous), run=task_run_out(done.run))


def inspection_out(found: Inspection) -> wire.Inspection:
    """A task or a run as it is looked at."""
    run = found.run
    return wire.Inspection(
        task=task_out(found.task.seen),
        run=task_run_out(run) if run is not None else None,
        session=session_out(run.row.session_id, found.session) if run is not None else None,
        silent_seconds=troubles.silence(run.run, run.row, found.at) if run is not None else None,
        recent_runs=[task_run_out(one) for one in found.recent],
        recent_events=[task_event_out(one) for one in found.events],
        scheduler_paused=found.scheduler.paused_at is not None,
        findings=[wire.Finding(trouble=one.trouble.value, evidence=one.evidence) for one in found.findings],
        next=found.next.value,
        at=when(found.at),
    )
