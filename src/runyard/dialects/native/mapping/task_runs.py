"""Runs of tasks."""

from __future__ import annotations

from runyard.dialects.native.mapping.values import maybe_when, raw, when
from runyard.dialects.native.wire import task_runs as wire
from runyard.domain.actors import Actor
from runyard.engine.tasks.views import RunSeen


def who_out(actor: Actor | None) -> wire.Who | None:
    """Who did something, if anybody did."""
    return None if actor is None else wire.Who(kind=actor.kind, ref=actor.ref)


def task_run_out(seen: RunSeen) -> wire.TaskRun:
    """A run of a task."""
    run, row = seen.run, seen.row
    return wire.TaskRun(
        id=run.id,
        task_id=row.task_id,
        state=run.state.value,
        hold=run.hold,
        attempt=row.attempt,
        round=row.round,
        claimed_by=who_out(row.claimer),
        session_id=row.session_id,
        lease_until=maybe_when(run.lease_until),
        channel=row.channel,
        coordination_channel=row.coordination,
        previous_run_id=row.previous_run_id,
        review_id=row.review_id,
        failure_kind=row.failure_kind,
        origin=wire.Who(kind=row.origin_kind, ref=row.origin_ref),
        idempotency_key=row.key,
        output=raw(run.output),
        error=raw(run.error),
        metadata=raw(run.metadata),
        queued_at=when(row.queued_at),
        claimed_at=maybe_when(row.claimed_at),
        heartbeat_at=maybe_when(run.heartbeat_at),
        started_at=maybe_when(row.started_at),
        ended_at=maybe_when(row.ended_at),
    )
