"""Dependencies and waits for events."""

from __future__ import annotations

from runyard.dialects.native.mapping.values import maybe_when, raw, when
from runyard.dialects.native.wire import waits as wire
from runyard.domain import waits
from runyard.engine.dependencies import Status


def dependency_out(one: waits.Dependency) -> wire.Dependency:
    """A dependency."""
    return wire.Dependency(
        id=one.id,
        job_id=one.job_id,
        depends_on=one.depends_on,
        condition=one.condition,
        created_at=when(one.created_at),
    )


def dependencies_out(status: Status) -> wire.RunDependencies:
    """What a run's job depends on, and how that stands."""
    return wire.RunDependencies(
        met=not status.unmet,
        dependencies=[
            wire.RunDependency(dependency=dependency_out(one), met=one.id not in status.unmet)
            for one in status.dependencies
        ],
    )


def wait_out(wait: waits.EventWait) -> wire.EventWait:
    """A wait for an event."""
    return wire.EventWait(
        id=wait.id,
        key=wait.name,
        run_id=wait.run_id,
        state=wait.state.value,
        request=raw(wait.request),
        payload=raw(wait.response),
        requested_at=when(wait.requested_at),
        expires_at=when(wait.expires_at),
        received_at=maybe_when(wait.received_at),
        sent_by=wait.sent_by,
    )
