"""The dashboard on the wire (contract §20). Pure."""

from __future__ import annotations

from runyard.dialects.agh.mapping.runs import error_out
from runyard.dialects.agh.mapping.tasks import owner_out
from runyard.dialects.agh.mapping.triage import owner_in, scope_in
from runyard.dialects.agh.mapping.values import (
    instant,
    instant_or_never,
    one_of,
    priority_shown,
    shown,
    shown_if,
    trimmed,
)
from runyard.dialects.agh.wire import dashboard as wire
from runyard.domain.errors import Invalid
from runyard.domain.tasks import Stage, TaskStatus
from runyard.engine.tasks.dashboards import BACKLOG_AFTER, STALE_AFTER, Active, Dashboard, Latency
from runyard.storage.statements.task_sums import Where

ORIGINS = ("cli", "web", "uds", "http", "automation", "extension", "network", "agent_session", "daemon")
ORDER = (
    TaskStatus.COMPLETED,
    TaskStatus.PENDING,
    TaskStatus.IN_PROGRESS,
    TaskStatus.READY,
    TaskStatus.BLOCKED,
    TaskStatus.FAILED,
    TaskStatus.CANCELED,
    TaskStatus.DRAFT,
)
MILLISECOND = 1000


def where_in(
    project_id: int,
    *,
    scope: str | None,
    workspace: str | None,
    owner_kind: str | None,
    owner_ref: str | None,
    network_channel: str | None,
    origin_kind: str | None,
) -> tuple[Where, str | None]:
    """Which tasks are meant, and what names their workspace. Raises `Invalid`."""
    kind, named = scope_in(scope, workspace)
    if kind is None and named is not None:
        raise Invalid("`workspace` is for scope workspace; send `scope=workspace` too")
    owner, ref = owner_in(owner_kind, owner_ref)
    where = Where(
        project_id=project_id,
        workspace_id="" if kind == "global" else None,
        owner_kind=owner,
        owner_ref=ref,
        channel=trimmed(network_channel),
        origin_kind=one_of("origin_kind", origin_kind, ORIGINS),
    )
    return where, named


def answer_out(found: Dashboard) -> wire.DashboardAnswer:
    """The dashboard."""
    totals = _totals(found)
    return wire.DashboardAnswer(
        dashboard=wire.Dashboard(
            totals=totals,
            cards=_cards(found, totals),
            queue=_queue(found),
            health=wire.Health(
                status=_status(found.healthy),
                stuck_runs=found.stuck,
                active_orphan_runs=found.orphans,
                queue_backlog=found.backlog,
            ),
            active_runs=wire.ActiveRuns(
                total=found.under_way,
                running=totals.running_runs,
                starting=totals.starting_runs,
                claimed=totals.claimed_runs,
                queued=totals.queued_runs,
                items=[_active(found, one) for one in found.items],
            ),
            freshness=wire.Freshness(
                observed_at=instant(found.now),
                latest_activity_at=instant_or_never(found.last_at),
                age_ms=found.age // MILLISECOND,
                stale_after_ms=STALE_AFTER // MILLISECOND,
                has_live_work=found.under_way > 0,
                status="empty" if found.last_at is None else "stale" if found.stale else "current",
                stale=found.stale,
            ),
            status_breakdown=_shares(found),
        )
    )


def _status(well: bool) -> str:
    return "ok" if well else "warn"


def _totals(found: Dashboard) -> wire.Totals:
    tasks, runs = found.tasks, found.runs
    return wire.Totals(
        tasks_total=found.tasks_total,
        runs_total=found.runs_total,
        awaiting_approval_tasks=tasks["awaiting_approval"],
        dependency_blocked_tasks=tasks["awaiting_dependencies"],
        active_runs=found.under_way,
        **{f"{status}_tasks": tasks[status] for status in TaskStatus},
        **{f"{stage}_runs": runs[stage] for stage in Stage if stage is not Stage.NEEDS_ATTENTION},
    )


def _cards(found: Dashboard, totals: wire.Totals) -> wire.Cards:
    return wire.Cards(
        in_progress=wire.InProgressCard(
            tasks=totals.in_progress_tasks,
            active_runs=totals.active_runs,
            running_runs=totals.running_runs,
            starting_runs=totals.starting_runs,
            claimed_runs=totals.claimed_runs,
            queued_runs=totals.queued_runs,
            health_status=_status(found.healthy),
        ),
        blocked=wire.BlockedCard(
            tasks=totals.blocked_tasks,
            awaiting_approval=totals.awaiting_approval_tasks,
            awaiting_dependencies=totals.dependency_blocked_tasks,
            health_status=_status(not totals.blocked_tasks),
        ),
        failed=wire.FailedCard(
            tasks=totals.failed_tasks,
            failed_runs=totals.failed_runs,
            forced_stops=found.forced_stops,
            health_status=_status(not (totals.failed_tasks or totals.failed_runs or found.forced_stops)),
        ),
        latency=wire.LatencyCard(claim_latency_ms=_latency(found.claim), start_latency_ms=_latency(found.start)),
    )


def _latency(one: Latency) -> wire.Latency:
    return wire.Latency(
        samples=one.samples, average_ms=one.average // MILLISECOND, maximum_ms=one.maximum // MILLISECOND
    )


def _shares(found: Dashboard) -> list[wire.Share]:
    total = found.tasks_total
    return [
        # Rounded half up.
        wire.Share(status=status.value, count=count, share_percent=(200 * count + total) // (2 * total))
        for status in ORDER
        if (count := found.tasks[status])
    ]


def _queue(found: Dashboard) -> wire.Queue:
    oldest = found.oldest_at
    return wire.Queue(
        total=found.runs[Stage.QUEUED],
        oldest_queued_at=instant_or_never(oldest),
        oldest_queue_age_ms=_age(found, oldest),
        backlog_warning=found.backlog,
        backlog_status=_status(not found.backlog),
        backlog_threshold_ms=BACKLOG_AFTER // MILLISECOND,
        depth=[
            wire.QueueDepth(
                network_channel=depth.channel,
                count=depth.count,
                oldest_queued_at=instant(depth.oldest_at),
                oldest_queue_age_ms=_age(found, depth.oldest_at),
            )
            for depth in found.queue
        ],
    )


def _age(found: Dashboard, since: int | None) -> int:
    return max(found.now - since, 0) // MILLISECOND if since is not None else 0


def _active(found: Dashboard, one: Active) -> wire.ActiveRun:
    task, row = one.seen.task, one.run.row
    return wire.ActiveRun(
        task_id=shown("task", task.id),
        task_identifier=task.identifier or "",
        task_title=task.title,
        task_status=task.status.value,
        task_priority=priority_shown(task.priority),
        task_owner=owner_out(task.owner),
        scope="global" if task.workspace_id is None else "workspace",
        workspace_id=shown_if("ws", task.workspace_id),
        latest_event_seq=one.seen.sequence,
        run_id=shown("run", row.run_id),
        run_status=row.stage.value,
        attempt=row.attempt,
        max_attempts=task.max_attempts,
        session_id=shown_if("sess", row.session_id),
        network_channel=row.channel or "",
        last_activity_at=instant(one.since),
        age_ms=_age(found, one.since),
        health_status=_status(not one.stuck),
        stuck=one.stuck,
        error=error_out(one.run.run.error),
    )
