"""What the server answers, typed. Fields a newer server adds are ignored; those an older one lacks have a default.

Values of the caller (payloads, outputs, checkpoints …) are decoded when first looked at: `raw_…` holds their text.
"""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Raw, field

T = TypeVar("T")

NULL = Raw(b"null")
TERMINAL = frozenset({"completed", "failed", "timed_out", "crashed", "system_failed", "canceled", "expired"})
FOR_A_PERSON = frozenset({"dead_letter", "needs_attention"})


def _value(raw: Raw) -> Any:
    return msgspec.json.decode(raw)


class Model(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A record of the API."""


class Page(Model, Generic[T], frozen=True, kw_only=True):
    """One page of a list."""

    data: list[T]
    next_cursor: str | None = None


class Project(Model, frozen=True, kw_only=True):
    """A tenant: every run, job and key belongs to one."""

    number: int
    slug: str
    name: str = ""
    created_at: datetime | None = None
    settings: dict[str, Any] = {}


class Repository(Model, frozen=True, kw_only=True):
    """A repository the project is connected to."""

    id: str
    provider: str = ""
    full_name: str = ""
    url: str | None = None
    path: str | None = None
    default_branch: str = "main"
    description: str | None = None
    language: str | None = None
    stack: dict[str, list[str]] = {}
    private: bool = False
    hook: bool = False
    created_at: datetime | None = None
    updated_at: datetime | None = None
    synced_at: datetime | None = None


class RepositoryHook(Model, frozen=True, kw_only=True):
    """What to enter at the code host; `secret` is never shown again."""

    path: str
    secret: str
    content_type: str = "application/json"
    events: list[str] = []


class DeliveredRun(Model, frozen=True, kw_only=True):
    """A run that a delivery made."""

    run_id: str
    agent_id: str = ""


class RefusedRun(Model, frozen=True, kw_only=True):
    """An agent that a delivery meant and that took no run."""

    agent_id: str
    reason: str = ""


class ReceivedDelivery(Model, frozen=True, kw_only=True):
    """What a code host sent, and what became of it."""

    delivery: str
    event: str = ""
    action: str | None = None
    received_at: datetime | None = None
    outcome: str = ""
    reason: str | None = None
    runs: list[DeliveredRun] = []
    refused: list[RefusedRun] = []
    left_out: int = 0


class Key(Model, frozen=True, kw_only=True):
    """An API key; `key` is shown when it is made and never again."""

    id: str
    name: str = ""
    prefix: str = ""
    scopes: list[str] = []
    project: str = ""
    dialect: str = "native"
    created_at: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    replaced_by: str | None = None
    key: str | None = None


class Job(Model, frozen=True, kw_only=True):
    """A reusable, versioned definition of how to run something."""

    id: str
    name: str
    project: str = ""
    version: int = 1
    enabled: bool = True
    spec: dict[str, Any] = {}
    created_at: datetime | None = None
    updated_at: datetime | None = None


class JobVersion(Model, frozen=True, kw_only=True):
    """One version of a job's definition."""

    job_id: str
    version: int
    spec: dict[str, Any] = {}
    created_at: datetime | None = None
    created_by: str | None = None


class Lease(Model, frozen=True, kw_only=True):
    """The right to report on a run until a time; `token` is shown to its holder only."""

    until: datetime
    token: str = ""
    worker: str | None = None


class UsageTotals(Model, frozen=True, kw_only=True):
    """What a run has used so far."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_micro_usd: int = 0


class Run(Model, frozen=True, kw_only=True):
    """One execution asked for, as it was when it was read."""

    id: str
    state: str
    project: str = ""
    job: str | None = None
    job_id: str | None = None
    job_version: int | None = None
    task_id: str | None = None
    parent_id: str | None = None
    replay_of: str | None = None
    retry_of: str | None = None
    continuation_of: str | None = None
    depth: int = 0
    batch_id: str | None = None
    queue: str = "default"
    executor: str = "worker"
    capabilities: list[str] = []
    priority: int = 0
    concurrency_key: str | None = None
    idempotency_key: str | None = None
    attempt: int = 0
    max_attempts: int = 1
    raw_payload: Raw = field(name="payload", default=NULL)
    raw_output: Raw = field(name="output", default=NULL)
    raw_error: Raw = field(name="error", default=NULL)
    error_class: str | None = None
    tags: list[str] | dict[str, str] | None = None
    metadata: dict[str, Any] | None = None
    trigger: str = ""
    created_by: str | None = None
    waiting_for: Any = None
    hold: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    queued_at: datetime | None = None
    available_at: datetime | None = None
    next_retry_at: datetime | None = None
    expires_at: datetime | None = None
    claimed_at: datetime | None = None
    started_at: datetime | None = None
    heartbeat_at: datetime | None = None
    finished_at: datetime | None = None
    lease: Lease | None = None
    resolved: Any = None
    usage: UsageTotals = UsageTotals()
    duplicate: bool = False

    @cached_property
    def payload(self) -> Any:
        """What the run was asked to work on."""
        return _value(self.raw_payload)

    @cached_property
    def output(self) -> Any:
        """What the run gave back; None while there is nothing."""
        return _value(self.raw_output)

    @cached_property
    def error(self) -> Any:
        """What went wrong in its last failed attempt; None when nothing did."""
        return _value(self.raw_error)

    @property
    def is_final(self) -> bool:
        """Whether nothing will ever change its state again."""
        return self.state in TERMINAL

    @property
    def needs_a_person(self) -> bool:
        """Whether it rests until a person decides: in the dead letter, or because nobody took it."""
        return self.state in FOR_A_PERSON

    @property
    def is_settled(self) -> bool:
        """Whether it goes nowhere by itself."""
        return self.is_final or self.needs_a_person


R = TypeVar("R", bound=Run)


class RunsOut(Model, Generic[R], frozen=True, kw_only=True):
    """Runs made by one call, in the order asked."""

    runs: list[R]


class Claim(Model, frozen=True, kw_only=True):
    """A run handed out, and the lease on it."""

    run: Run
    lease: Lease


class ClaimsOut(Model, frozen=True, kw_only=True):
    """What was handed out."""

    claims: list[Claim]


class StartReport(Model, frozen=True, kw_only=True, omit_defaults=True):
    """The run's work begins; `preparing` while a session or sandbox is being made for it."""

    run_id: str
    token: str
    preparing: bool = False
    started_at: datetime | None = None


class HeartbeatReport(Model, frozen=True, kw_only=True, omit_defaults=True):
    """The executor is alive and wants the lease for longer."""

    run_id: str
    token: str
    lease_seconds: float | None = None


class CompleteReport(Model, frozen=True, kw_only=True, omit_defaults=True):
    """The run is done; `started_at` serves runs so short that no start was reported."""

    run_id: str
    token: str
    output: Any = None
    started_at: datetime | None = None


class Failure(Model, frozen=True, kw_only=True, omit_defaults=True):
    """What went wrong; `kind` is the word retry policies go by."""

    message: str
    kind: str = "error"
    data: Any = None


class FailReport(Model, frozen=True, kw_only=True, omit_defaults=True):
    """The attempt failed; the run's policy decides what follows, unless `retryable` does."""

    run_id: str
    token: str
    error: Failure | str
    retryable: bool | None = None
    retry_after_seconds: float | None = None
    started_at: datetime | None = None


class ReleaseReport(Model, frozen=True, kw_only=True, omit_defaults=True):
    """The executor gives the run back unfinished; no attempt is used up."""

    run_id: str
    token: str
    reason: str | None = None
    delay_seconds: float | None = None


class ApprovalAsk(Model, frozen=True, kw_only=True, omit_defaults=True):
    """What a run asks people for, under a name it asks for once."""

    name: str
    action: str
    description: str = ""
    risk: str = "medium"
    changes: list[str] = []
    on_reject: str = "continue"


class WaitReport(Model, frozen=True, kw_only=True, omit_defaults=True):
    """The run parks until its children have ended, the event comes, or people decided; then it is queued again."""

    run_id: str
    token: str
    timeout_seconds: float | None = None
    event: str | None = None
    request: Any = None
    approval: ApprovalAsk | None = None


class ResultError(Model, frozen=True, kw_only=True):
    """Why one report was not taken; `state` is the run's state now, where it is known."""

    code: str
    detail: str = ""
    status: int = 409
    state: str | None = None


class Result(Model, frozen=True, kw_only=True):
    """What became of one report."""

    run_id: str
    ok: bool
    state: str | None = None
    lease: Lease | None = None
    next_retry_at: datetime | None = None
    error: ResultError | None = None


class ResultsOut(Model, frozen=True, kw_only=True):
    """One result for each report, in order."""

    results: list[Result]


class Attempt(Model, frozen=True, kw_only=True):
    """One try at a run."""

    run_id: str
    attempt: int
    epoch: int = 0
    outcome: str | None = None
    executor: str = ""
    worker: str | None = None
    claimed_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error: Any = None
    error_class: str | None = None


class Event(Model, frozen=True, kw_only=True):
    """One line of the journal."""

    seq: int
    type: str
    run_id: str | None = None
    at: datetime | None = None
    actor: str | None = None
    data: Any = None


class LogEntry(Model, frozen=True, kw_only=True):
    """One line of a run's log."""

    seq: int
    message: str
    run_id: str = ""
    attempt: int = 0
    at: datetime | None = None
    level: str = "info"
    data: Any = None
    type: str = "log"


class Chunk(Model, frozen=True, kw_only=True):
    """A piece of a run's output as it came."""

    seq: int
    chunk: str
    run_id: str = ""
    at: datetime | None = None
    stream: str = "default"
    done: bool = False


class Done(Model, frozen=True, kw_only=True):
    """The last item of a run's stream: how the run ended."""

    state: str


class Resync(Model, frozen=True, kw_only=True):
    """The stream could not go on where it broke off: what came between is gone from it, so read the run again."""

    data: Any = None


class LogsOut(Model, frozen=True, kw_only=True):
    """How many lines were taken."""

    accepted: int


class ChunksOut(Model, frozen=True, kw_only=True):
    """How many chunks were taken."""

    accepted: int


class Checkpoint(Model, frozen=True, kw_only=True):
    """State to resume from; `number` grows within the run."""

    run_id: str
    number: int
    attempt: int = 0
    at: datetime | None = None
    label: str | None = None
    raw_state: Raw = field(name="state", default=NULL)

    @cached_property
    def state(self) -> Any:
        """The state that was kept."""
        return _value(self.raw_state)


class Usage(Model, frozen=True, kw_only=True):
    """One line of the usage ledger."""

    id: str
    run_id: str
    model: str
    attempt: int = 0
    at: datetime | None = None
    provider: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    total_tokens: int = 0
    cost_micro_usd: int = 0
    source: str = ""
    price: Any = None


class ToolCall(Model, frozen=True, kw_only=True):
    """A tool the agent called."""

    id: str
    run_id: str
    name: str
    attempt: int = 0
    at: datetime | None = None
    input: Any = None
    output: Any = None
    error: str | None = None
    status: str = "ok"
    duration_ms: int | None = None


class Output(Model, frozen=True, kw_only=True):
    """A named result of a run."""

    run_id: str
    key: str
    value: Any = None
    schema: Any = None
    at: datetime | None = None


class StateEntry(Model, frozen=True, kw_only=True):
    """A value kept with a run."""

    run_id: str
    key: str
    value: Any = None
    updated_at: datetime | None = None


class Artifact(Model, frozen=True, kw_only=True):
    """A file of a run."""

    id: str
    run_id: str
    name: str
    content_type: str = "application/octet-stream"
    size: int = 0
    sha256: str = ""
    at: datetime | None = None


class Finding(Model, frozen=True, kw_only=True):
    """One thing an agent found in a run; `fingerprint` stays the same from run to run where the agent says so."""

    id: str
    run_id: str
    severity: str
    type: str
    message: str
    attempt: int = 0
    agent_id: str | None = None
    repository_id: str | None = None
    fingerprint: str = ""
    rule: str | None = None
    file: str | None = None
    line: int | None = None
    suggestion: str | None = None
    at: datetime | None = None


class Counted(Model, frozen=True, kw_only=True):
    """How many findings were new, and how many the run has by now."""

    accepted: int
    errors: int = 0
    warnings: int = 0
    infos: int = 0


class Action(Model, frozen=True, kw_only=True):
    """What an agent did to the world outside."""

    id: str
    run_id: str
    type: str
    description: str
    attempt: int = 0
    at: datetime | None = None
    target: str | None = None
    url: str | None = None
    result: str = "success"
    details: dict[str, Any] | None = None


class AssignedRepository(Model, frozen=True, kw_only=True):
    """The repository a run is about: where it lies, or where it is cloned from."""

    id: str
    provider: str
    full_name: str
    default_branch: str
    url: str | None = None
    path: str | None = None


class AssignedPullRequest(Model, frozen=True, kw_only=True):
    """The pull request a run is about."""

    number: int
    title: str | None = None
    author: str | None = None
    url: str | None = None


class AssignedCommit(Model, frozen=True, kw_only=True):
    """The commit a run is about."""

    sha: str
    message: str | None = None


class Assignment(Model, frozen=True, kw_only=True):
    """What a run is to do, as its agent, its payload and its occasion say."""

    run_id: str
    project: str = ""
    agent_id: str | None = None
    template: str | None = None
    config: dict[str, Any] = {}
    payload: dict[str, Any] = {}
    repository: AssignedRepository | None = None
    pull_request: AssignedPullRequest | None = None
    commit: AssignedCommit | None = None
    trigger: str = ""
    event: str | None = None


class Approval(Model, frozen=True, kw_only=True):
    """What a run asked people for, and the answer."""

    id: str
    run_id: str
    name: str
    state: str
    action: str = ""
    description: str = ""
    risk: str = "medium"
    changes: list[str] = []
    on_reject: str = "continue"
    comment: str | None = None
    decided_by: str | None = None
    requested_at: datetime | None = None
    decided_at: datetime | None = None
    expires_at: datetime | None = None

    @property
    def is_decided(self) -> bool:
        """Whether somebody, or time, said yes or no."""
        return self.state in {"approved", "rejected"}


class Decision(Model, frozen=True, kw_only=True):
    """What people said to a run's question."""

    approved: bool
    comment: str | None = None
    by: str | None = None
    """The key that decided; None where time did."""


class ProjectWebhook(Model, frozen=True, kw_only=True):
    """Somebody outside who is told of events; `secret` is shown when it is made and never again."""

    id: str
    url: str = ""
    events: list[str] = []
    description: str = ""
    enabled: bool = True
    disabled_reason: str | None = None
    failing_since: datetime | None = None
    old_secret_until: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    secret: str | None = None


class WebhookTry(Model, frozen=True, kw_only=True):
    """One try to deliver a message; without an error it arrived."""

    number: int
    at: datetime | None = None
    status: int | None = None
    duration_ms: int = 0
    error: str | None = None


class WebhookDelivery(Model, frozen=True, kw_only=True):
    """A message to a webhook."""

    id: str
    webhook_id: str
    event_id: str
    event: str
    run_id: str | None = None
    state: str = ""
    error: str | None = None
    created_at: datetime | None = None
    next_try_at: datetime | None = None
    tries: list[WebhookTry] = []
    message: dict[str, Any] | None = None
    """What is sent; left out of lists."""


class Why(Model, frozen=True, kw_only=True):
    """One reason why a run does not run now, and what would change that."""

    code: str
    detail: str = ""
    remedy: str = ""
    until: datetime | None = None


class Explanation(Model, frozen=True, kw_only=True):
    """Why a run is where it is."""

    run_id: str
    state: str
    summary: str = ""
    reasons: list[Why] = []
    position: int | None = None


class Lineage(Model, Generic[R], frozen=True, kw_only=True):
    """Where a run comes from and what came of it."""

    root: R
    runs: list[R]
    complete: bool = True


class DeadGroup(Model, frozen=True, kw_only=True):
    """Runs in the dead letter that failed alike."""

    count: int
    error_class: str | None = None
    message: str | None = None
    job: str | None = None
    first_at: datetime | None = None
    last_at: datetime | None = None
    sample_run_id: str | None = None


class Bulk(Model, frozen=True, kw_only=True):
    """One verb applied to many runs in the background."""

    id: str
    action: str
    state: str = ""
    total: int = 0
    done: int = 0
    failed: int = 0
    errors: list[Any] = []
    dry_run: bool = False
    reason: str | None = None
    created_at: datetime | None = None
    finished_at: datetime | None = None


class AgentRuns(Model, frozen=True, kw_only=True):
    """How an agent's runs did."""

    total: int = 0
    succeeded: int = 0
    failed: int = 0
    success_rate: float = 0.0
    average_ms: int = 0
    findings: int = 0


class Agent(Model, frozen=True, kw_only=True):
    """A job with a template and a profile; `id` and `job` are those of its job."""

    id: str
    name: str
    state: str
    project: str = ""
    description: str = ""
    job: str = ""
    template: str | None = None
    repository_id: str | None = None
    triggers: dict[str, Any] = {}
    config: dict[str, Any] = {}
    runs: AgentRuns = AgentRuns()
    last_run_at: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class AgentTemplate(Model, frozen=True, kw_only=True):
    """A kind of agent that comes with the server."""

    slug: str
    name: str
    description: str = ""
    category: str = ""
    triggers: list[str] = []
    capabilities: list[str] = []
    stack: dict[str, list[str]] = {}
    complexity: str = ""
    risk: str = ""
    setup_minutes: int = 0


class AgentTemplates(Model, frozen=True, kw_only=True):
    """Every template."""

    data: list[AgentTemplate]


class AgentHealth(Model, frozen=True, kw_only=True):
    """How well an agent did lately: scores from 0 to 100, and a grade from A to F."""

    overall: float
    grade: str
    reliability: float = 0.0
    efficiency: float = 0.0
    cost: float = 0.0
    activity: float = 0.0
