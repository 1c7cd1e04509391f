"""Many runs at once."""

from __future__ import annotations

from runyard.dialects.native import wire
from runyard.dialects.native.mapping.values import (
    NULL,
    maybe_when,
    raw,
    when,
)
from runyard.domain.bulks import Bulk
from runyard.engine import dead_letters, stats


def dead_group_out(group: dead_letters.Group) -> wire.DeadGroup:
    """A group of dead letters on the wire."""
    return wire.DeadGroup(
        error_class=group.error_class,
        message=group.message,
        job=group.job,
        count=group.count,
        first_at=when(group.first_at),
        last_at=when(group.last_at),
        sample_run_id=group.sample_run_id,
    )


def bulk_out(bulk: Bulk, slug: str) -> wire.Bulk:
    """A bulk action on the wire."""
    return wire.Bulk(
        id=bulk.id,
        project=slug,
        action=bulk.action,
        state=bulk.state,
        total=bulk.total,
        done=bulk.done,
        failed=bulk.failed,
        errors=raw(bulk.errors) or NULL,
        dry_run=bulk.dry_run,
        reason=bulk.reason,
        created_by=bulk.created_by,
        created_at=when(bulk.created_at),
        updated_at=when(bulk.updated_at),
        finished_at=maybe_when(bulk.finished_at),
    )


def queue_out(queue: stats.Queue) -> wire.Queue:
    """A queue on the wire."""
    return wire.Queue(
        queue=queue.queue,
        ready=queue.ready,
        held=queue.held,
        running=queue.running,
        oldest_ready_at=maybe_when(queue.oldest_ready_at),
        more=queue.more,
    )
