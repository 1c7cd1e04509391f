"""Inboxes, and how all tasks stand."""

from __future__ import annotations

from collections.abc import Sequence

from runyard.dialects.native.mapping.task_runs import task_run_out
from runyard.dialects.native.mapping.tasks import task_out
from runyard.dialects.native.mapping.values import maybe_when, when
from runyard.dialects.native.wire import inbox as wire
from runyard.domain.inbox import InboxLane, Mark, Triage, reason_of
from runyard.domain.policy import SECOND
from runyard.domain.task_sums import STATUSES
from runyard.engine.tasks import dashboards
from runyard.engine.tasks.inbox import Group, Item
from runyard.engine.tasks.shelves import Place, Section
from runyard.storage.statements.inbox import Spot
from runyard.web.paging import cursor as cursor_of
from runyard.web.paging import place


def place_in(cursor: str | None) -> tuple[InboxLane, Place] | None:
    """The lane and the place in it that a cursor stands for. Raises `Invalid`."""
    found = place(cursor, tuple[InboxLane, Section, int, int, str, int])
    if found is None:
        return None
    lane, section, at, priority, task_id, passed = found
    return lane, Place(section, Spot(-at, -priority, task_id), max(passed, 0))


def inbox_out(groups: Sequence[Group[Item]]) -> wire.Inbox:
    """An inbox."""
    return wire.Inbox(
        total=sum(group.count.all for group in groups),
        unread=sum(group.count.unread for group in groups),
        archived=sum(group.count.all for group in groups if group.lane is InboxLane.ARCHIVED),
        lanes=[_group(group) for group in groups],
    )


def _group(group: Group[Item]) -> wire.InboxGroup:
    return wire.InboxGroup(
        lane=group.lane.value,
        count=group.count.all,
        unread=group.count.unread,
        items=[_item(item) for item in group.items],
        next_cursor=_cursor(group.lane, group.after) if group.after is not None else None,
    )


def _cursor(lane: InboxLane, after: Place) -> str:
    spot = after.spot
    return cursor_of(lane, after.section, -spot.before, -spot.less, spot.id, after.passed)


def _item(item: Item) -> wire.InboxItem:
    reason = reason_of(item.seen.task)
    return wire.InboxItem(
        task=task_out(item.seen),
        reason=reason.value if reason is not None else None,
        latest_run=task_run_out(item.run) if item.run is not None else None,
        triage=triage_out(item.triage) if item.triage is not None else None,
    )


def triage_out(record: Triage) -> wire.Triage:
    """What the caller has seen of a task, as it stands now."""
    return wire.Triage(
        task_id=record.task_id,
        read=record.is_read,
        archived=record.mark is Mark.ARCHIVED,
        dismissed=record.mark is Mark.DISMISSED,
        seen_at=when(record.seen_at),
        updated_at=when(record.updated_at),
    )


def stats_out(found: dashboards.Dashboard) -> wire.TaskStats:
    """How tasks and their runs stand."""
    return wire.TaskStats(
        as_of=when(found.now),
        tasks={status: found.tasks[status] for status in STATUSES},
        awaiting_approval=found.tasks["awaiting_approval"],
        awaiting_dependencies=found.tasks["awaiting_dependencies"],
        paused=found.tasks["paused"],
        runs=dict(found.runs),
        queue=[
            wire.QueueDepth(channel=depth.channel or None, queued=depth.count, oldest_at=when(depth.oldest_at))
            for depth in found.queue
        ],
        active=[
            wire.ActiveRun(task=task_out(one.seen), run=task_run_out(one.run), since=when(one.since), stuck=one.stuck)
            for one in found.items
        ],
        stuck_runs=found.stuck,
        orphan_runs=found.orphans,
        backlog=found.backlog,
        healthy=found.healthy,
        time_to_claim=_latency(found.claim),
        time_to_start=_latency(found.start),
        forced_stops=found.forced_stops,
        active_at=maybe_when(found.last_at),
        stale=found.stale,
    )


def _latency(one: dashboards.Latency) -> wire.Latency:
    return wire.Latency(samples=one.samples, mean_seconds=one.average / SECOND, longest_seconds=one.maximum / SECOND)
