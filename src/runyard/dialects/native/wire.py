"""Shapes of the native API. Times are RFC 3339 UTC, durations are seconds, costs are integer micro-USD."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

T = TypeVar("T")

Seconds = Annotated[float, Meta(ge=0, le=10 * 366 * 86400)]
Name = Annotated[str, Meta(min_length=1, max_length=128)]
Text = Annotated[str, Meta(max_length=4096)]
Priority = Annotated[int, Meta(ge=0, le=10)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
NOTHING = Raw(b"")
"""Stands for a value that was not sent; optional JSON cannot be `Raw | None`, which takes nothing but null."""
Tags = list[Annotated[str, Meta(max_length=256)]] | dict[str, str]
"""A list of words, or a map of words to words; answered in the form it was given."""


class Page(msgspec.Struct, Generic[T], kw_only=True):
    """One page of a list; send `next_cursor` back as `cursor` for the next one."""

    data: list[T]
    next_cursor: str | None = None


class Problem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str = ""
    retryable: bool = False
    retry_after: int | None = None
    errors: list[dict[str, Any]] = []


# -- projects, keys ---------------------------------------------------------------------------------------------


class ProjectIn(msgspec.Struct, kw_only=True):
    """A project to make."""

    slug: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
    name: Name | None = None


class Project(msgspec.Struct, kw_only=True):
    """A tenant: every run, job and key belongs to one."""

    number: int
    slug: str
    name: str
    created_at: datetime


class KeyIn(msgspec.Struct, kw_only=True):
    """A key to make."""

    name: Name
    scopes: Annotated[list[str], Meta(min_length=1, max_length=32)]
    project: int | str | None = None
    dialect: Literal["native", "strait", "agh", "posthog", "bamboosnow"] = "native"
    expires_at: datetime | None = None


class Key(msgspec.Struct, kw_only=True):
    """An API key. `key` is shown when it is made and never again."""

    id: str
    name: str
    prefix: str
    scopes: list[str]
    project: str
    dialect: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    key: str | UnsetType = UNSET


# -- policy -----------------------------------------------------------------------------------------------------


class Retry(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How failed attempts are retried."""

    max_attempts: Annotated[int, Meta(ge=1, le=100)] | UnsetType = UNSET
    backoff: Literal["exponential", "linear", "fixed", "custom"] | UnsetType = UNSET
    initial_seconds: Seconds | UnsetType = UNSET
    min_seconds: Seconds | UnsetType = UNSET
    max_seconds: Seconds | UnsetType = UNSET
    delays_seconds: Annotated[list[Seconds], Meta(max_length=100)] | UnsetType = UNSET
    jitter: Annotated[float, Meta(ge=0, le=1)] | UnsetType = UNSET
    non_retryable: Annotated[list[Name], Meta(max_length=64)] | UnsetType = UNSET
    dead_letter: bool | UnsetType = UNSET
    """Whether a run whose attempts are used up waits in the dead letter (default) or ends as failed."""
    priority_boost: Priority | UnsetType = UNSET


class Concurrency(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How many runs may be held by executors at one time."""

    max: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    """Over all runs of the job."""
    max_per_key: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    """Over the runs that share a `concurrency_key` (within the job; within the project for runs without one)."""


class RateLimit(msgspec.Struct, kw_only=True):
    """How many runs of the job may be made (`refuse`) or started (`hold`) in a window."""

    max: Annotated[int, Meta(ge=1, le=1_000_000)]
    window_seconds: Annotated[float, Meta(gt=0, le=31 * 86400)]
    mode: Literal["hold", "refuse"] = "hold"


class Settings(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What jobs define and a run may override."""

    queue: Name | UnsetType = UNSET
    executor: Name | UnsetType = UNSET
    capabilities: Annotated[list[Name], Meta(max_length=32)] | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    retry: Retry | UnsetType = UNSET
    timeout_seconds: Seconds | None | UnsetType = UNSET
    heartbeat_seconds: Seconds | None | UnsetType = UNSET
    lease_seconds: Annotated[float, Meta(ge=1, le=86400)] | UnsetType = UNSET
    ttl_seconds: Seconds | None | UnsetType = UNSET
    concurrency: Concurrency | UnsetType = UNSET
    tags: Tags | UnsetType = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET
    idempotency_ttl_seconds: Seconds | None | UnsetType = UNSET
    """How long after its end a run still answers for its idempotency key (default one day); null is for ever."""


class JobSpec(Settings, kw_only=True, omit_defaults=True):
    """Everything a job version fixes."""

    description: Text | UnsetType = UNSET
    rate_limit: RateLimit | None | UnsetType = UNSET
    payload_schema: dict[str, Any] | bool | None | UnsetType = UNSET
    output_schema: dict[str, Any] | bool | None | UnsetType = UNSET


class JobIn(JobSpec, kw_only=True, omit_defaults=True):
    """A job to make."""

    name: Name
    enabled: bool = True


class JobPatch(JobSpec, kw_only=True, omit_defaults=True):
    """What to change of a job; every change but `enabled` makes a new version."""

    enabled: bool | UnsetType = UNSET


class Job(msgspec.Struct, kw_only=True):
    """A reusable, versioned definition of how to run something."""

    id: str
    project: str
    name: str
    version: int
    enabled: bool
    spec: Raw
    created_at: datetime
    updated_at: datetime


class JobVersion(msgspec.Struct, kw_only=True):
    """One version of a job's definition."""

    job_id: str
    version: int
    spec: Raw
    created_at: datetime
    created_by: str | None


# -- runs -------------------------------------------------------------------------------------------------------


class RunIn(Settings, kw_only=True, omit_defaults=True):
    """A run to make: of a job (by `job` name or `job_id`), or ad hoc."""

    payload: Raw = Raw(b"null")
    job: Name | None = None
    job_id: str | None = None
    idempotency_key: Annotated[str, Meta(min_length=1, max_length=256)] | None = None
    concurrency_key: Annotated[str, Meta(min_length=1, max_length=256)] | None = None
    delay_seconds: Seconds | None = None
    available_at: datetime | None = None
    expires_at: datetime | None = None
    parent_id: str | None = None
    continuation_of: str | None = None
    draft: bool = False


class RunsIn(msgspec.Struct, kw_only=True):
    """Runs to make, all or none."""

    runs: Annotated[list[RunIn], Meta(min_length=1, max_length=1000)]


class LeaseOut(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A lease; `token` is shown to its holder only."""

    until: datetime
    token: str | UnsetType = UNSET
    worker: str | None = None


class UsageTotals(msgspec.Struct, kw_only=True):
    """What a run has used so far."""

    input_tokens: int
    output_tokens: int
    cost_micro_usd: int


class Run(msgspec.Struct, kw_only=True):
    """One execution asked for."""

    id: str
    project: str
    state: str
    job: str | None
    job_id: str | None
    job_version: int | None
    task_id: str | None
    parent_id: str | None
    replay_of: str | None
    retry_of: str | None
    continuation_of: str | None
    depth: int
    batch_id: str | None
    queue: str
    executor: str
    capabilities: list[str]
    priority: int
    concurrency_key: str | None
    idempotency_key: str | None
    attempt: int
    max_attempts: int
    payload: Raw
    output: Raw | None
    error: Raw | None
    error_class: str | None
    tags: Raw | None
    metadata: Raw | None
    trigger: str
    created_by: str | None
    waiting_for: Raw | None
    hold: str | None
    """Why a queued run cannot be claimed yet: retry, lane (a concurrency limit), paused, blocked."""
    created_at: datetime
    updated_at: datetime
    queued_at: datetime | None
    available_at: datetime | None
    next_retry_at: datetime | None
    expires_at: datetime | None
    claimed_at: datetime | None
    started_at: datetime | None
    heartbeat_at: datetime | None
    finished_at: datetime | None
    lease: LeaseOut | None
    resolved: Raw | None
    usage: UsageTotals
    duplicate: bool | UnsetType = UNSET
    """In the reply to a create: true when the idempotency key named a run that existed already."""


class RunsOut(msgspec.Struct, kw_only=True):
    """The runs made (or found by their idempotency keys), in the order asked."""

    runs: list[Run]


class ClaimIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Ask for work. Without `queues` any queue will do."""

    limit: Annotated[int, Meta(ge=1, le=1000)] = 1
    queues: Annotated[list[Name], Meta(max_length=64)] | None = None
    executor: Name = "worker"
    capabilities: Annotated[list[Name], Meta(max_length=256)] = []
    lease_seconds: Annotated[float, Meta(ge=1, le=86400)] | None = None
    wait_seconds: Annotated[float, Meta(ge=0, le=60)] = 0
    worker: Name | None = None
    jobs: Annotated[list[Name], Meta(max_length=256)] | None = None


class Claim(msgspec.Struct, kw_only=True):
    """A run handed out, and the lease on it."""

    run: Run
    lease: LeaseOut


class ClaimsOut(msgspec.Struct, kw_only=True):
    """What was handed out; empty when there was nothing to do."""

    claims: list[Claim]


class Report(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What an executor says of a run it holds; `token` proves that it does."""

    run_id: str
    token: str


class StartReport(Report, kw_only=True, omit_defaults=True):
    """The run's work begins (`preparing`: a session or sandbox is being made for it)."""

    preparing: bool = False
    started_at: datetime | None = None
    """When it began, where the report comes a little later."""


class HeartbeatReport(Report, kw_only=True, omit_defaults=True):
    """The executor is alive and wants the lease for longer."""

    lease_seconds: Annotated[float, Meta(ge=1, le=86400)] | None = None


class CompleteReport(Report, kw_only=True, omit_defaults=True):
    """The run is done."""

    output: Raw = Raw(b"null")
    started_at: datetime | None = None
    """When its work began, for runs so short that no `start` was sent."""


class ErrorIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What went wrong."""

    printed: ClassVar = ("message",)
    message: Annotated[str, Meta(max_length=65536)]
    kind: Annotated[str, Meta(min_length=1, max_length=128)] = "error"
    data: Raw = NOTHING


class FailReport(Report, kw_only=True, omit_defaults=True):
    """The attempt failed; the run's policy decides what follows."""

    printed: ClassVar = ("error",)
    error: ErrorIn | str
    retryable: bool | None = None
    retry_after_seconds: Seconds | None = None
    started_at: datetime | None = None


class ReleaseReport(Report, kw_only=True, omit_defaults=True):
    """The executor gives the run back unfinished; no attempt is used up."""

    reason: Text | None = None
    delay_seconds: Seconds | None = None


class WaitReport(Report, kw_only=True, omit_defaults=True):
    """The run parks, holding no slot, until its children have ended; then it is queued again."""

    timeout_seconds: Seconds | None = None


class Reports(msgspec.Struct, Generic[T], kw_only=True):
    """Many reports; each is answered for itself."""

    reports: Annotated[list[T], Meta(min_length=1, max_length=1000)]


class ResultError(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why one report was not taken."""

    code: str
    detail: str
    status: int
    state: str | None = None
    """The run's state now, where it is known: `canceled` tells an executor why it lost the lease."""


class Result(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What became of one report."""

    run_id: str
    ok: bool
    state: str | None = None
    lease: LeaseOut | None = None
    next_retry_at: datetime | None = None
    error: ResultError | None = None


class Results(msgspec.Struct, kw_only=True):
    """One result for each report, in order."""

    results: list[Result]


class Reason(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why a person does this."""

    reason: Text | None = None


class RetryIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A new run like an ended one; `config` is merged shallowly over the payload's `config` object."""

    config: dict[str, Any] | None = None


class ReplayIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A new run linked to the old one by `replay_of`, with its payload or another."""

    payload: Raw = NOTHING
    from_checkpoint: Annotated[int, Meta(ge=1)] | None = None


class RescheduleIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Another time (now when both are absent), perhaps another payload."""

    available_at: datetime | None = None
    delay_seconds: Seconds | None = None
    payload: Raw = NOTHING


class Attempt(msgspec.Struct, kw_only=True):
    """One try at a run."""

    run_id: str
    epoch: int
    attempt: int
    outcome: str | None
    executor: str
    worker: str | None
    claimed_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    error: Raw | None
    error_class: str | None


class Event(msgspec.Struct, kw_only=True):
    """One line of the journal."""

    seq: int
    type: str
    run_id: str | None
    at: datetime
    actor: str | None
    data: Raw


class LogIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A line for a run's log."""

    printed: ClassVar = ("message",)
    message: Annotated[str, Meta(max_length=1 << 20)]
    level: Annotated[str, Meta(min_length=1, max_length=32)] = "info"
    data: Raw = NOTHING
    at: datetime | None = None


class LogsIn(msgspec.Struct, kw_only=True):
    """Lines for a run's log. `token` is needed by executors whose key may only claim."""

    entries: Annotated[list[LogIn], Meta(min_length=1, max_length=1000)]
    token: str | None = None


class LogsOut(msgspec.Struct, kw_only=True):
    """How many lines were taken, and the last one's sequence number."""

    accepted: int


class LogEntry(msgspec.Struct, kw_only=True):
    """One line of a run's log."""

    seq: int
    run_id: str
    attempt: int
    at: datetime
    level: str
    message: str
    data: Raw | None


class CheckpointIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """State to resume from."""

    state: Raw
    label: Name | None = None
    token: str | None = None


class Checkpoint(msgspec.Struct, kw_only=True):
    """State an executor can resume from; `number` grows within the run."""

    run_id: str
    number: int
    attempt: int
    at: datetime
    label: str | None
    state: Raw


class UsageIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Tokens used, and what they cost; without a cost the price list is asked."""

    model: Name
    provider: Name | None = None
    input_tokens: Count = 0
    output_tokens: Count = 0
    cache_read_tokens: Count = 0
    cache_write_tokens: Count = 0
    reasoning_tokens: Count = 0
    cost_micro_usd: Count | None = None
    token: str | None = None


class Usage(msgspec.Struct, kw_only=True):
    """One line of the usage ledger; `source` says whether the cost was reported or priced here."""

    id: str
    run_id: str
    attempt: int
    at: datetime
    provider: str | None
    model: str
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    cost_micro_usd: int
    source: Literal["reported", "priced", "unknown"]
    price: Raw | None


class ToolCallIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A tool the agent called."""

    name: Name
    input: Raw = NOTHING
    output: Raw = NOTHING
    error: Text | None = None
    status: Literal["ok", "error", "denied"] = "ok"
    duration_ms: Count | None = None
    token: str | None = None


class ToolCall(msgspec.Struct, kw_only=True):
    """A tool the agent called."""

    id: str
    run_id: str
    attempt: int
    at: datetime
    name: str
    input: Raw | None
    output: Raw | None
    error: str | None
    status: str
    duration_ms: int | None


class OutputIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A named result; checked against `schema` when one is given."""

    value: Raw
    schema: dict[str, Any] | bool | None = None
    token: str | None = None


class Output(msgspec.Struct, kw_only=True):
    """A named result of a run."""

    run_id: str
    key: str
    value: Raw
    schema: Raw | None
    at: datetime


class StateIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A value to keep with the run."""

    value: Raw
    token: str | None = None


class StateEntry(msgspec.Struct, kw_only=True):
    """A value kept with the run."""

    run_id: str
    key: str
    value: Raw
    updated_at: datetime


class Artifact(msgspec.Struct, kw_only=True):
    """A file of a run; its bytes are at `…/artifacts/{id}/content`."""

    id: str
    run_id: str
    name: str
    content_type: str
    size: int
    sha256: str
    at: datetime


class Why(msgspec.Struct, kw_only=True):
    """One reason why a run does not run now, and what would change that."""

    code: str
    detail: str
    remedy: str
    until: datetime | None = None


class Explanation(msgspec.Struct, kw_only=True):
    """Why a run is where it is."""

    run_id: str
    state: str
    summary: str
    reasons: list[Why]
    position: int | None
    """How many claimable runs of its queue stand before it, counted up to 1000; null when it is not claimable."""


class Lineage(msgspec.Struct, kw_only=True):
    """Where a run comes from and what came of it, by link."""

    root: Run
    runs: list[Run]
    complete: bool
    """False when the family is larger than what is shown."""


class DeadGroup(msgspec.Struct, kw_only=True):
    """Dead letters of one job that failed alike: the same message but for numbers and ids."""

    error_class: str
    message: str
    job: str | None
    count: int
    first_at: datetime
    last_at: datetime
    sample_run_id: str


class DeadGroups(msgspec.Struct, kw_only=True):
    """What went wrong, most frequent first; not `complete` when only the newest dead letters were looked at."""

    data: list[DeadGroup]
    examined: int
    complete: bool
    next_cursor: str | None = None


class ServerInfo(msgspec.Struct, kw_only=True):
    """What server this is."""

    version: str
    engine: Literal["sqlite", "postgres"]
    schema: int
    uptime_seconds: float


class RunFilter(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Which runs are meant: the filters of the list of runs, in the same words."""

    state: str | list[str] | None = None
    job: str | None = None
    queue: str | None = None
    tag: str | list[str] | None = None
    parent_id: str | None = None
    task_id: str | None = None
    batch_id: str | None = None
    outcome: Literal["failed", "succeeded", "canceled", "unresolved"] | None = None
    error_class: str | None = None
    resolved: bool | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    payload: str | None = None
    metadata: str | None = None


class BulkIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An action for many runs: those named by `ids`, or all that meet `filter`."""

    action: Literal["cancel", "replay", "requeue", "discard", "resolve", "retry"]
    ids: Annotated[list[str], Meta(min_length=1, max_length=10_000)] | None = None
    filter: RunFilter | None = None
    dry_run: bool = False
    reason: Text | None = None


class Bulk(msgspec.Struct, kw_only=True):
    """An action for many runs, and how far it is; `errors` tells of the first hundred runs that refused."""

    id: str
    project: str
    action: str
    state: str
    total: int
    done: int
    failed: int
    errors: Raw
    dry_run: bool
    reason: str | None
    created_by: str | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None


class Stats(msgspec.Struct, kw_only=True):
    """How many runs there are. What is named in `more` (outcomes as `ended:<state>`) has at least the number given."""

    since: datetime
    states: dict[str, int]
    """In each state now."""
    outcomes: dict[str, int]
    """Ended since then: succeeded, failed, canceled."""
    ended: dict[str, int]
    """Ended since then, by state."""
    more: list[str]


class Queue(msgspec.Struct, kw_only=True):
    """How a queue stands; with `more` at least the numbers given."""

    queue: str
    ready: int
    held: int
    running: int
    oldest_ready_at: datetime | None
    more: bool


class Queues(msgspec.Struct, kw_only=True):
    """The queues, by name."""

    data: list[Queue]
    next_cursor: str | None = None
