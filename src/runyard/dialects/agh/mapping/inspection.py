"""Looking closely at a task or a run, on the wire (contract §25). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from runyard.dialects.agh.errors import Diagnostic
from runyard.dialects.agh.mapping.details import listed_out
from runyard.dialects.agh.mapping.runs import error_out
from runyard.dialects.agh.mapping.tasks import said_actor_out
from runyard.dialects.agh.mapping.values import instant, shown, shown_if
from runyard.dialects.agh.wire import inspection as wire
from runyard.domain import troubles
from runyard.domain.sessions import Session
from runyard.domain.tasks import Stage, TaskEvent
from runyard.domain.troubles import Finding, Trouble
from runyard.engine.sessions import settings_of
from runyard.engine.tasks.inspecting import Inspection
from runyard.engine.tasks.views import RunSeen
from runyard.storage.statements.schedulers import Scheduler

SEVERITIES = {Trouble.STUCK: "warn", Trouble.STRANDED: "warn"}
"""Of all others it is `error`."""
TOLD: Mapping[Trouble, tuple[str, str]] = {
    Trouble.STUCK: ("Nothing is heard of who claimed the run", "no sign of life came within the time that is expected"),
    Trouble.STALE_LEASE: ("The lease is over", "the run is still claimed though its lease has ended"),
    Trouble.ORPHAN: ("The session is gone", "the run is under a lease and its session is not there any more"),
    Trouble.CRASHED: ("The run failed and nothing followed", "the run failed and no later attempt is to be seen"),
    Trouble.STRANDED: ("Nobody is there to take the run", "the run is queued and no active session could take it"),
}


def inspect_out(found: Inspection, target: Literal["task", "run"]) -> wire.InspectAnswer:
    """A task or a run as it is looked at."""
    run = found.run
    session_id = run.row.session_id if run is not None else None
    return wire.InspectAnswer(
        inspect=wire.Inspect(
            target=target,
            task=listed_out(found.task),
            scheduler=_scheduler(found.scheduler),
            next_action=found.next.value,
            as_of=instant(found.at),
            current_run=_run(run, found.at) if run is not None else None,
            bound_session=_session(session_id, found.session) if session_id is not None else None,
            recent_runs=[_run(one, found.at) for one in found.recent],
            recent_events=[_event(one) for one in found.events],
            diagnostics=[_diagnostic(one, run, found.at) for one in found.findings] if run is not None else [],
        )
    )


def _run(seen: RunSeen, at: int) -> wire.InspectRun:
    run, row = seen.run, seen.row
    return wire.InspectRun(
        run_id=shown("run", run.id),
        task_id=shown("task", row.task_id),
        status=row.stage.value,
        attempt=row.attempt,
        queued_at=instant(row.queued_at),
        bound_session_id=shown_if("sess", row.session_id),
        claim_token_hash_truncated=troubles.hash_start(run),
        ended_at=instant(row.ended_at),
        failure_kind=_failure_kind(seen),
        heartbeat_age_seconds=troubles.silence(run, row, at),
        heartbeat_at=instant(troubles.heard_at(run, row)),
        last_error_summary=_error_summary(seen),
        lease_until=instant(run.lease_until),
        previous_run_id=shown_if("run", row.previous_run_id),
        retries=row.attempt - 1,
        started_at=instant(row.started_at),
    )


def _failure_kind(seen: RunSeen) -> str:
    if seen.row.failure_kind:
        return seen.row.failure_kind
    return "error" if seen.row.stage is Stage.FAILED and error_out(seen.run.error) else ""


def _error_summary(seen: RunSeen) -> str:
    text = error_out(seen.run.error).strip().encode()[: troubles.SUMMARY_BYTES]
    return text.decode(errors="ignore").strip()


def _session(session_id: str, session: Session | None) -> wire.InspectSession:
    if session is None:
        return wire.InspectSession(session_id=shown("sess", session_id), state="missing")
    return wire.InspectSession(
        session_id=shown("sess", session.id),
        state=session.state.value,
        agent_name=session.agent,
        provider_name=settings_of(session).provider,
        workspace_id=shown_if("ws", session.workspace_id),
        started_at=instant(session.created_at),
        last_activity_at=instant(session.active_at),
        stop_reason=session.stop_reason or "",
        failure_kind=session.failure or "",
    )


class _Said(msgspec.Struct):
    status: str = ""
    session_id: str = ""
    reason: str = ""
    error: str = ""


_said = msgspec.json.Decoder(_Said).decode


def _event(event: TaskEvent) -> wire.InspectEvent:
    said = _said(event.payload)
    return wire.InspectEvent(
        id=shown("evt", event.id),
        timestamp=instant(event.at),
        type=event.type,
        task_id=shown("task", event.task_id),
        run_id=shown_if("run", event.run_id),
        session_id=shown("sess", said.session_id) if said.session_id else "",
        outcome=said.status,
        summary=said.error or said.reason,
    )


def _scheduler(scheduler: Scheduler) -> wire.InspectScheduler:
    return wire.InspectScheduler(
        paused=scheduler.paused_at is not None,
        paused_at=instant(scheduler.paused_at),
        paused_by=said_actor_out(scheduler.paused_by),
        reason=scheduler.paused_reason or "",
        updated_at=instant(scheduler.updated_at),
    )


def _diagnostic(finding: Finding, seen: RunSeen, at: int) -> Diagnostic:
    title, message = TOLD[finding.trouble]
    code = f"task_run_{finding.trouble.value}"
    run_id = shown("run", seen.run.id)
    return Diagnostic(
        id=f"task.inspect.{code}.{run_id}",
        code=code,
        severity=SEVERITIES.get(finding.trouble, "error"),
        category="task",
        title=title,
        message=f"{run_id}: {message}",
        data_freshness="live",
        evidence=_evidence(finding, seen, at),
    )


def _evidence(finding: Finding, seen: RunSeen, at: int) -> dict[str, Any]:
    run = _run(seen, at)
    said: dict[str, Any] = {
        "task_id": run.task_id,
        "run_id": run.run_id,
        "status": run.status,
        "attempt": run.attempt,
        "claim_token_hash_truncated": run.claim_token_hash_truncated,
        "lease_until": run.lease_until,
        "heartbeat_at": run.heartbeat_at,
        "as_of": instant(at),
    }
    if finding.trouble is Trouble.CRASHED:
        said |= {"last_error_summary": run.last_error_summary, "failure_kind": run.failure_kind}
    session_id = finding.evidence.get("session_id")
    said |= finding.evidence | ({"session_id": shown("sess", session_id)} if session_id else {})
    return {name: value for name, value in said.items() if value != ""}
