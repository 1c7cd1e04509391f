"""Tasks: pieces of intended work, how they stand, and what follows from that. Pure.

A task's status is never set; it is computed from what the task says of itself, from its dependencies and its runs
(`domain.task_standing`), and stored with every change of one of these.
"""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b
from operator import attrgetter
from typing import Any

import msgspec

from runyard.domain.actors import Actor
from runyard.domain.eligibility import Conditions
from runyard.domain.profiles import Profile
from runyard.domain.records import Json, Run
from runyard.domain.states import RunState

MAX_CHILDREN = 64
MAX_LEVELS = 8
"""Levels of a hierarchy, the root's among them."""
MAX_DEPENDENCIES = 32
MAX_ATTEMPTS = 10
LOW, MEDIUM, HIGH, URGENT = 2, 4, 6, 8
"""The usual priorities, in the engine's numbers."""
OWNERS = ("human", "agent_session", "automation", "extension", "network_peer", "pool")
"""Kinds of owners; a pool is any session of the agent of that name."""


class TaskStatus(StrEnum):
    """How a task stands."""

    DRAFT = "draft"
    PENDING = "pending"
    BLOCKED = "blocked"
    READY = "ready"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"


class Stage(StrEnum):
    """How a run of a task stands, to those who look at tasks."""

    QUEUED = "queued"
    CLAIMED = "claimed"
    STARTING = "starting"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"
    NEEDS_ATTENTION = "needs_attention"


class Lane(StrEnum):
    """Where a task stands in an inbox, whoever looks; `open` is an owner's or worker's own work alone."""

    APPROVALS = "approvals"
    FAILED_RUNS = "failed_runs"
    BLOCKED = "blocked"
    OPEN = "open"


class ApprovalPolicy(StrEnum):
    """Whether a person has to say yes before a task is worked on."""

    NONE = "none"
    MANUAL = "manual"


class TaskApproval(StrEnum):
    """What was said."""

    NOT_REQUIRED = "not_required"
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"


CLOSED = frozenset({TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELED})
ACTIVE = frozenset({Stage.CLAIMED, Stage.STARTING, Stage.RUNNING})
"""Somebody has the run."""
OPEN = ACTIVE | {Stage.QUEUED, Stage.NEEDS_ATTENTION}
ENDED_STAGES = frozenset({Stage.COMPLETED, Stage.FAILED, Stage.CANCELED})
# In Python 3.11 a word that is asked of its class costs ten times as much as a name, and all moves come by here.
_MANUAL, _APPROVED, _ASKED = ApprovalPolicy.MANUAL, TaskApproval.APPROVED, TaskApproval.PENDING
_QUEUED, _FAILED = Stage.QUEUED, Stage.FAILED
_STAGES = {
    RunState.DRAFT: Stage.QUEUED,
    RunState.SCHEDULED: Stage.QUEUED,
    RunState.QUEUED: Stage.QUEUED,
    RunState.CLAIMED: Stage.CLAIMED,
    RunState.STARTING: Stage.STARTING,
    RunState.RUNNING: Stage.RUNNING,
    RunState.WAITING: Stage.RUNNING,
    RunState.PAUSED: Stage.RUNNING,
    RunState.COMPLETED: Stage.COMPLETED,
    RunState.CANCELED: Stage.CANCELED,
    RunState.NEEDS_ATTENTION: Stage.NEEDS_ATTENTION,
}


def stage_of(state: RunState) -> Stage:
    """How a run in that state stands."""
    return _STAGES.get(state, _FAILED)


class Task(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A piece of intended work. Read from rows by position, which is why it is like an array."""

    id: str
    """A UUIDv7; or, where whoever made it chose one, `<project>~<that>`."""
    project_id: int
    root_id: str
    """The topmost task above it, or itself."""
    parent_id: str | None
    path: str
    """The ids from the root down to itself, each behind a slash."""
    workspace_id: str | None
    """None for a task of no workspace."""
    title: str
    description: str | None
    identifier: str | None
    priority: int
    status: TaskStatus
    lane: Lane | None
    max_attempts: int
    approval_policy: ApprovalPolicy
    approval_state: TaskApproval
    auto_enqueue: int
    """1 when a run is queued as soon as what blocked the task is gone."""
    auto_pending: int
    """1 when that came while the task was paused, and is still to be done."""
    owner_kind: str | None
    owner_ref: str | None
    channel: str | None
    metadata: Json | None
    profile: Json | None
    """`domain.profiles.Profile`, where one was set."""
    creator_kind: str
    creator_ref: str
    origin_kind: str
    origin_ref: str
    paused_at: int | None
    """When it was paused itself, which says nothing of the tasks above it."""
    paused_by: str | None
    paused_reason: str | None
    attempts: int
    """The highest attempt of its runs."""
    open_run_id: str | None
    """Its run that has not ended; there is at most one."""
    open_stage: Stage | None
    last_run_id: str | None
    """Its run that ended last."""
    last_stage: Stage | None
    dependencies: int
    unmet: int
    """How many of those are not completed."""
    children: int
    created_at: int
    updated_at: int
    closed_at: int | None
    active_at: int
    """When something last happened to it or to one of its runs."""
    triaged: int = 0
    """1 once anybody keeps a record of having seen it."""
    counted: int = 0
    """`counted_as` what it is counted under, for indexes."""
    subscriptions: int = 0
    """How many want to be told of its end."""

    @property
    def is_blocked(self) -> bool:
        """Whether a dependency or a decision is in the way."""
        return self.unmet > 0 or (self.approval_policy is _MANUAL and self.approval_state is not _APPROVED)

    @property
    def is_asked_for(self) -> bool:
        """Whether a person is still to say yes or no."""
        return self.approval_policy is _MANUAL and self.approval_state is _ASKED

    @property
    def is_closed(self) -> bool:
        """Whether nothing more is intended, for now."""
        return self.status in CLOSED

    @property
    def is_exhausted(self) -> bool:
        """Whether no further run may be queued."""
        return self.attempts >= self.max_attempts

    @property
    def current_run_id(self) -> str | None:
        """The run that somebody has."""
        return self.open_run_id if self.open_stage in ACTIVE else None

    @property
    def latest_stage(self) -> Stage | None:
        """How its latest run stands."""
        return self.open_stage or self.last_stage

    @property
    def latest_run_id(self) -> str | None:
        """Its latest run."""
        return self.open_run_id or self.last_run_id

    @property
    def ancestors(self) -> list[str]:
        """The ids of the tasks above it, the root's first."""
        return self.path.split("/")[1:-1]

    @property
    def creator(self) -> Actor:
        """Who made it."""
        return Actor(self.creator_kind, self.creator_ref)

    @property
    def owner(self) -> Actor | None:
        """Whose it is; the kind may be `pool` too, for any session of the agent of that name."""
        if self.owner_kind is None or self.owner_ref is None:
            return None
        return Actor(self.owner_kind, self.owner_ref)


class TaskRun(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What stands beside a run of a task. Read from rows by position."""

    run_id: str
    project_id: int
    task_id: str
    attempt: int
    """Counts the task's runs; the run itself has attempts of its own."""
    stage: Stage
    held: int | None
    """1 while a session has it."""
    session_id: str | None
    claimer_kind: str | None
    claimer_ref: str | None
    channel: str | None
    coordination: str | None
    """The channel in which those who work on it talk."""
    origin_kind: str
    origin_ref: str
    key: str | None
    """The idempotency key it was queued with."""
    previous_run_id: str | None
    """The run that this one takes the place of."""
    failure_kind: str | None
    review_id: str | None
    """The review that asked for it."""
    round: int
    """How many times work like it was judged, and once more."""
    queued_at: int
    claimed_at: int | None
    started_at: int | None
    ended_at: int | None
    starved: int
    """How many times it was found that nobody took it."""
    look_at: int | None
    """Since when nobody took it, for who looks after that; None while it is not queued, or its task is held up."""
    counted: int = 0
    """`counted_as` what it is counted under, for indexes."""

    @property
    def claimer(self) -> Actor | None:
        """Who has it, or had it."""
        if self.claimer_kind is None or self.claimer_ref is None:
            return None
        return Actor(self.claimer_kind, self.claimer_ref)


class TaskEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a task's timeline; `seq` grows over the whole server."""

    seq: int
    project_id: int
    root_id: str
    task_id: str
    run_id: str | None
    id: str
    type: str
    at: int
    actor_kind: str
    actor_ref: str
    origin_kind: str
    origin_ref: str
    payload: Json


def folded(title: str, identifier: str | None) -> str:
    """What a task is called, in one case."""
    return f"{title}\n{identifier or ''}".casefold()


def is_called(part: str, title: str, identifier: str | None) -> bool:
    """Whether that is a part of the task's title or identifier, in any case."""
    part = part.casefold()
    return part in title.casefold() or part in (identifier or "").casefold()


TaskKey = tuple[int, str, str, str, str, str]
_KEYED = attrgetter("project_id", "workspace_id", "owner_kind", "owner_ref", "channel", "origin_kind")


def task_key(task: Task) -> TaskKey:
    """Under which the task is counted."""
    return _key(_KEYED(task))


@lru_cache(maxsize=4096)
def _key(said: tuple[Any, ...]) -> TaskKey:
    project_id, workspace_id, owner_kind, owner_ref, channel, origin_kind = said
    return project_id, workspace_id or "", owner_kind or "", owner_ref or "", channel or "", origin_kind or ""


@lru_cache(maxsize=4096)
def counted_as(key: tuple[int | str, ...]) -> int:
    """What stands in indexes for that key of sums: a number of 64 bits, which no two keys share but by a wonder."""
    text = "\0".join(map(str, key)).encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), signed=True)


_NOT_LOOKED_AFTER: dict[str, Any] = {"look_at": None, "starved": 0}
_GIVEN_BACK: dict[str, Any] = {"session_id": None, "claimer_kind": None, "claimer_ref": None, "failure_kind": None}


def conditions_of(task: Task, profile: Profile | None, run_channel: str | None) -> Conditions:
    """Which sessions may take a queued run of the task."""
    worker = profile.worker if profile is not None else None
    capabilities: frozenset[str] = frozenset()
    names: frozenset[str] | None = None
    nobody = False
    if profile is not None and worker is not None:
        capabilities = frozenset(worker.required_capabilities) | frozenset(profile.participants.required_capabilities)
        for allowed in (
            (worker.agent_name,) if worker.agent_name else (),
            worker.allowed_agent_names,
            profile.participants.allowed_agent_names,
        ):
            if allowed:
                names = frozenset(allowed) if names is None else names & frozenset(allowed)
    session_id = None
    match task.owner_kind:
        case None:
            pass
        case "pool":
            owner = frozenset({task.owner_ref or ""})
            names = owner if names is None else names & owner
        case "agent_session":
            session_id = task.owner_ref
        case _:
            nobody = True
    return Conditions(
        capabilities=capabilities, agents=names, session_id=session_id, channel=run_channel, nobody=nobody
    )


def followed(row: TaskRun, run: Run, changes: dict[str, Any]) -> TaskRun:
    """The row beside a run that moved."""
    stage = stage_of(run.state)
    implied: dict[str, Any] = {
        "stage": stage,
        "claimed_at": run.claimed_at,
        "started_at": run.started_at,
        "ended_at": run.finished_at if stage in ENDED_STAGES else None,
    }
    if stage is not _QUEUED:
        implied |= _NOT_LOOKED_AFTER
    elif row.stage is not _QUEUED:
        implied |= _GIVEN_BACK
    implied.update(changes)
    session_id = implied.get("session_id", row.session_id)
    return msgspec.structs.replace(row, **implied, held=1 if stage in ACTIVE and session_id is not None else None)
