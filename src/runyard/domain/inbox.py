"""Inboxes: what waits for somebody, and what they have seen of it. Pure."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from runyard.domain.actors import Actor
from runyard.domain.tasks import ApprovalPolicy, Lane, Stage, Task, TaskApproval, TaskStatus


class InboxLane(StrEnum):
    """Where a task stands in somebody's inbox, in the order they are shown."""

    MY_WORK = "my_work"
    APPROVALS = "approvals"
    FAILED_RUNS = "failed_runs"
    BLOCKED = "blocked"
    ARCHIVED = "archived"


LANES = {
    InboxLane.MY_WORK: Lane.OPEN,
    InboxLane.APPROVALS: Lane.APPROVALS,
    InboxLane.FAILED_RUNS: Lane.FAILED_RUNS,
    InboxLane.BLOCKED: Lane.BLOCKED,
}
"""Where the tasks of each stand, whoever looks; archived ones stand anywhere."""
_SHOWN = {lane: shown for shown, lane in LANES.items()}


class Mark(StrEnum):
    """How what somebody has seen of a task stands now."""

    UNREAD = "unread"
    READ = "read"
    DISMISSED = "dismissed"
    ARCHIVED = "archived"


class TriageVerb(StrEnum):
    """What is done to a task in an inbox."""

    READ = "read"
    ARCHIVE = "archive"
    DISMISS = "dismiss"


class Reason(StrEnum):
    """Why a task does not go on."""

    AWAITING_APPROVAL = "awaiting_approval"
    APPROVAL_REJECTED = "approval_rejected"
    LATEST_RUN_FAILED = "latest_run_failed"
    AWAITING_DEPENDENCIES = "awaiting_dependencies"


class Triage(msgspec.Struct, frozen=True, gc=False):
    """What somebody has seen of a task, and where the task stands. Built from rows by position."""

    project_id: int
    actor_kind: str
    actor_ref: str
    task_id: str
    archived: int
    dismissed: int
    """1 when it was put out of sight until something happens to it."""
    seen_at: int
    """When something last had happened to it as it was looked at."""
    updated_at: int
    mark: Mark
    """How the rest of this stands now (`placed`)."""
    lane: str
    """'' for a task in no lane; here and below as the task has it."""
    workspace_id: str
    owner_kind: str
    owner_ref: str
    counted: int
    active_at: int
    priority: int

    @property
    def actor(self) -> Actor:
        """Who has seen it."""
        return Actor(self.actor_kind, self.actor_ref)

    @property
    def is_read(self) -> bool:
        """Whether nothing happened to the task since, or it does not matter."""
        return self.mark is not Mark.UNREAD


def triaged(task: Task, actor: Actor, before: Triage | None, verb: TriageVerb, now: int) -> Triage:
    """The record after the actor did that; nothing takes a task out of the archive."""
    archived = verb is TriageVerb.ARCHIVE or (before is not None and before.archived == 1)
    return placed(
        Triage(
            project_id=task.project_id,
            actor_kind=actor.kind,
            actor_ref=actor.ref,
            task_id=task.id,
            archived=int(archived),
            dismissed=int(verb is TriageVerb.DISMISS),
            seen_at=task.active_at,
            updated_at=now,
            mark=Mark.READ,
            lane="",
            workspace_id="",
            owner_kind="",
            owner_ref="",
            counted=0,
            active_at=0,
            priority=0,
        ),
        task,
    )


def placed(triage: Triage, task: Task) -> Triage:
    """The record of a task that now stands so."""
    if triage.archived:
        mark = Mark.ARCHIVED
    elif task.active_at > triage.seen_at:
        mark = Mark.UNREAD
    else:
        mark = Mark.DISMISSED if triage.dismissed else Mark.READ
    return msgspec.structs.replace(
        triage,
        mark=mark,
        lane=task.lane or "",
        workspace_id=task.workspace_id or "",
        owner_kind=task.owner_kind or "",
        owner_ref=task.owner_ref or "",
        counted=task.counted,
        active_at=task.active_at,
        priority=task.priority,
    )


def lane_of(task: Task, actor: Actor, *, has_run: bool, archived: bool) -> InboxLane | None:
    """Where the task stands in the inbox of an actor who has a run of it, or has archived it; None for nowhere."""
    if archived:
        return InboxLane.ARCHIVED
    if task.lane is Lane.OPEN and not has_run and task.owner != actor:
        return None
    return _SHOWN.get(task.lane) if task.lane is not None else None


TRIAGE_SUMS = ("archived", "dismissed", "seen", "unread")
_COUNTED = (Mark.ARCHIVED, Mark.DISMISSED, Mark.READ, Mark.UNREAD)


def triage_key(triage: Triage) -> tuple[int, str, str, str, str, str, str]:
    """Under which the record is counted."""
    whose = (triage.project_id, triage.actor_kind, triage.actor_ref)
    return (*whose, triage.workspace_id, triage.owner_kind, triage.owner_ref, triage.lane)


def triage_tally(triage: Triage) -> tuple[int, ...]:
    """What the record adds to the sums, in the order of `TRIAGE_SUMS`."""
    return tuple(int(triage.mark is mark) for mark in _COUNTED)


def reason_of(task: Task) -> Reason | None:
    """Why the task does not go on, if something keeps it."""
    return reason_for(task.approval_policy, task.approval_state, task.latest_stage, task.status)


def reason_for(policy: str, approval: str, latest_stage: str | None, status: str) -> Reason | None:
    """The same from what it depends on, in the words that are kept."""
    if policy == ApprovalPolicy.MANUAL:
        if approval == TaskApproval.PENDING:
            return Reason.AWAITING_APPROVAL
        if approval == TaskApproval.REJECTED:
            return Reason.APPROVAL_REJECTED
    if latest_stage == Stage.FAILED:
        return Reason.LATEST_RUN_FAILED
    return Reason.AWAITING_DEPENDENCIES if status == TaskStatus.BLOCKED else None
