"""The records the engine works on. Frozen; a change is `replace(...)`. Times are UTC microseconds."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from runyard.domain.actors import Doer
from runyard.domain.policy import Policy
from runyard.domain.states import FINAL, LEASED, RunState

Json = str
"""JSON text passed through as it was accepted."""

Hold = Literal["retry", "lane", "paused", "blocked"]
"""Why a queued run is out of the ready index: next try not due, a full lane, paused above it, a dependency."""


class Waiting(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a parked (or rate-limited) run waits for."""

    kind: Literal["children", "descendants", "event", "dependency", "decision", "rate", "window"]
    until: int | None = None
    """When waiting ends badly; for `rate` nothing, the run's `available_at` says when it goes on."""
    again: int | None = None
    """When to look whether it is over, for what ended in the very moment in which waiting began."""
    key: str | None = None
    """What it is called by those who may end it, where it is an event."""


class Run(msgspec.Struct, frozen=True, gc=False):
    """One execution asked for. Built from rows by position, which is why its fields are not keyword-only."""

    id: str
    project_id: int
    state: RunState
    class_id: int
    """The interned (project, executor, queue, requirements): what a claim picks from."""
    queue: str
    requires: Json | None
    executor: str
    priority: int
    rank: int
    attempt: int
    epoch: int
    """Counts claims: two holders never share one."""
    lost: int
    """How many leases expired so far."""
    created_at: int
    updated_at: int
    policy: Policy
    payload: Json
    tags: Json | None
    metadata: Json | None
    job_id: str | None
    job_name: str | None
    job_version: int | None
    task_id: str | None
    parent_id: str | None
    replay_of: str | None
    retry_of: str | None
    continuation_of: str | None
    depth: int
    batch_id: str | None
    trigger: str
    created_by: str | None
    idempotency_key: str | None
    concurrency_key: str | None
    job_lane: int | None
    key_lane: int | None
    hold: Hold | None
    hold_lane: int | None
    waiting_for: Waiting | None
    queued_at: int | None
    available_at: int | None
    next_retry_at: int | None
    expires_at: int | None
    claimed_at: int | None
    started_at: int | None
    heartbeat_at: int | None
    finished_at: int | None
    due_at: int | None
    """When the timer must look at the run again; the only timed index of the table."""
    lease_hash: str | None
    lease_until: int | None
    worker: str | None
    output: Json | None
    error: Json | None
    error_class: str | None
    resolved_at: int | None
    resolution: Json | None
    input_tokens: int
    output_tokens: int
    cost_micro_usd: int
    debug: int = 0
    """1 when somebody asked for more detail of this run."""
    trace: Json | None = None
    """Where the time of a dispatched run went, in milliseconds."""
    dependency_key: str | None = None
    """Narrows whose runs a dependency looks at: only those with the same key."""
    continued: int = 0
    """How many runs stand before it in the chain that it continues."""
    agent: int | None = None
    """1 when its job was an agent as it was made: there is an `AgentRun` beside it."""
    ttl: int | None = None
    """How long it may wait to be taken, as was asked for when it was made."""

    @property
    def time_to_live(self) -> int | None:
        """How long it may wait to be taken, from when it can be; None for as long as it takes."""
        if self.ttl is not None or self.expires_at is None:
            return self.ttl
        # Made by a release that did not keep it.
        return self.expires_at - (self.available_at or self.queued_at or self.created_at)

    @property
    def is_final(self) -> bool:
        """Whether the run can never change state again."""
        return self.state in FINAL

    @property
    def is_leased(self) -> bool:
        """Whether an executor holds the run."""
        return self.state in LEASED


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A reusable, versioned definition of how to run something."""

    id: str
    project_id: int
    name: str
    version: int
    enabled: bool
    spec: Json
    created_at: int
    updated_at: int


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant."""

    id: int
    slug: str
    name: str
    created_at: int
    settings: Json = "{}"
    """`domain.projects.ProjectSettings` as JSON."""


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """An API key; the key itself is never kept."""

    id: str
    project_id: int
    name: str
    prefix: str
    hash: str
    scopes: tuple[str, ...]
    dialect: str | None
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    last_used_at: int | None
    replaced_by: str | None = None
    """The key that took its place when it was rotated; until `expires_at` both are good."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the journal; `seq` grows over the whole server."""

    seq: int
    project_id: int
    run_id: str | None
    type: str
    at: int
    actor: str | None
    data: Json


class LogEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a run's log, numbered by the same sequence as events."""

    seq: int
    project_id: int
    run_id: str
    attempt: int
    at: int
    level: str
    message: str
    data: Json | None
    type: str = "log"
    """What kind of line it is: `log`, `progress`, or any word of its writer's."""
    whole: int | None = None
    """1 when `data` is the line as its writer wrote it, and the rest was read from it; 2 when that says no time."""


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of output as it came, numbered by the same sequence as events; kept a short while."""

    seq: int
    project_id: int
    run_id: str
    stream: str
    chunk: str
    done: bool
    """Whether nothing follows in its stream."""
    at: int


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """The right of one executor to report on a run until a time."""

    run_id: str
    token: str
    until: int


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try at a run; `outcome` is empty while it is open."""

    run_id: str
    epoch: int
    attempt: int
    executor: str
    worker: str | None
    claimed_at: int
    started_at: int | None
    ended_at: int | None
    outcome: str | None
    error: Json | None
    error_class: str | None


class TaskMove(msgspec.Struct, frozen=True, kw_only=True):
    """What a move of a run means to its task, besides what follows from the move itself."""

    by: Doer
    event: str | None = None
    """The line in the timeline in place of the usual one; '' is none."""
    said: dict[str, Any] = {}
    """What that line says besides the usual."""
    changes: dict[str, Any] = {}
    """Fields of `domain.tasks.TaskRun`."""


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """A run before and after a verb, and what the journal says of it."""

    before: Run
    after: Run
    verb: str
    actor: str | None = None
    data: dict[str, Any] = {}
    task: TaskMove | None = None
    """What it means to the run's task, where it is of one and that does not follow from the rest."""

    def for_task(self, task: TaskMove) -> Move:
        """The move with what it means to the run's task."""
        return msgspec.structs.replace(self, task=task)


class JobVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a job's definition, kept for the runs that were made from it."""

    job_id: str
    version: int
    spec: Json
    created_at: int
    created_by: str | None
