"""Dependencies, event waits and spawned runs, both ways."""

from __future__ import annotations

from runyard.dialects.strait.mapping.runs import STATUS, ZERO
from runyard.dialects.strait.mapping.values import SECOND, maybe, maybe_raw, maybe_when, when
from runyard.dialects.strait.wire import links as wire
from runyard.domain.waits import Dependency, EventWait, WaitState
from runyard.engine.dependencies import Status
from runyard.engine.event_waits import Stats
from runyard.engine.spawns import Spawned


def dependency_out(one: Dependency) -> wire.JobDependency:
    """A dependency on the wire."""
    return wire.JobDependency(
        id=one.id,
        job_id=one.job_id,
        depends_on_job_id=one.depends_on,
        condition=one.condition,
        created_at=when(one.created_at),
    )


def dependency_status_out(status: Status) -> wire.RunDependencyStatus:
    """What a run's job depends on, and how that stands."""
    return wire.RunDependencyStatus(
        run_id=status.run.id,
        job_id=status.run.job_id or ZERO,
        status=STATUS[status.run.state],
        dependencies=[dependency_out(one) for one in status.dependencies],
        dependencies_satisfied=not status.unmet,
    )


def event_out(wait: EventWait, slug: str) -> wire.EventTrigger:
    """A wait for an event on the wire."""
    return wire.EventTrigger(
        id=wait.id,
        event_key=wait.name,
        project_id=slug,
        job_run_id=wait.run_id,
        status=wait.state.value,
        request_payload=maybe_raw(wait.request),
        response_payload=maybe_raw(wait.response),
        timeout_secs=wait.timeout // SECOND,
        requested_at=when(wait.requested_at),
        received_at=maybe_when(wait.received_at),
        expires_at=when(wait.expires_at),
        error=maybe(wait.error),
        notify_url=maybe(wait.notify_url),
        notify_status=maybe(wait.notify_state),
        sent_by=maybe(wait.sent_by),
    )


def waiting_out(wait: EventWait) -> wire.SDKWaitForEventResponse:
    """The answer to a run that begins to wait."""
    return wire.SDKWaitForEventResponse(event_key=wait.name, expires_at=when(wait.expires_at), trigger_id=wait.id)


def stats_out(stats: Stats) -> wire.EventTriggerStats:
    """How many waits there are."""
    return wire.EventTriggerStats(
        total_count=sum(stats.counts.values()),
        waiting_count=stats.counts[WaitState.WAITING],
        received_count=stats.counts[WaitState.RECEIVED],
        timed_out_count=stats.counts[WaitState.TIMED_OUT],
        canceled_count=stats.counts[WaitState.CANCELED],
        avg_wait_duration_secs=round(stats.average / SECOND, 6),
    )


def spawned_out(made: Spawned, slug: str) -> wire.SDKSpawnResponse:
    """A child that was made, in the project of that slug."""
    return wire.SDKSpawnResponse(
        id=made.child.id,
        job_id=made.child.job_id or ZERO,
        project_id=slug,
        status=STATUS[made.child.state],
        parent_run_id=made.child.parent_id or "",
        await_completion=made.guard is not None,
        await_event_key=maybe(made.guard.name if made.guard is not None else None),
    )
