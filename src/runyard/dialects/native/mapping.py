"""Between the engine's words and the native API's, both ways. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from msgspec import UNSET, Raw

from runyard.dialects.native import wire
from runyard.domain import records, slices, traces
from runyard.domain.bulks import Bulk
from runyard.domain.errors import DomainError, Invalid, NotFound
from runyard.domain.jobs import JobSpec, NewRun, Rate
from runyard.domain.policy import Failure, Policy
from runyard.engine import dead_letters, explain, leases, stats
from runyard.engine.creations import Created, CreateRequest
from runyard.web.errors import understood
from runyard.web.paging import cursor
from runyard.web.problems import PROBLEMS

T = TypeVar("T")
K = TypeVar("K", int, str)
V = TypeVar("V")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1_000_000
_encode = msgspec.json.Encoder().encode
_CANONICAL = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch
NULL = Raw(b"null")


# One clock per transaction: the runs of an answer share most of their times.
@lru_cache(maxsize=1024)
def when(micros: int) -> datetime:
    """Microseconds as a time on the wire."""
    return EPOCH + timedelta(microseconds=micros)


def maybe_when(micros: int | None) -> datetime | None:
    """Microseconds as a time on the wire, if there are any."""
    return None if micros is None else when(micros)


def micros(time: datetime) -> int:
    """A time on the wire as microseconds; a time without offset is UTC."""
    aware = time if time.tzinfo is not None else time.replace(tzinfo=UTC)
    return (aware - EPOCH) // timedelta(microseconds=1)


def maybe_micros(time: datetime | None) -> int | None:
    """A time on the wire as microseconds, if there is one."""
    return None if time is None else micros(time)


def span(seconds: float) -> int:
    """Seconds as microseconds."""
    return round(seconds * SECOND)


def maybe_span(seconds: float | None) -> int | None:
    """Seconds as microseconds, if there are any."""
    return None if seconds is None else round(seconds * SECOND)


def raw(text: str | None) -> Raw | None:
    """Stored JSON text as it goes out."""
    return None if text is None else Raw(text.encode())


def text(value: Raw) -> str:
    """JSON that came in, as it is stored."""
    return bytes(value).decode()


def maybe_text(value: Raw) -> str | None:
    """JSON that came in, if any did and it is not null."""
    body = bytes(value)
    return body.decode() if body and body != b"null" else None


def given_text(value: Raw) -> str | None:
    """JSON that came in, null too, if any did."""
    body = bytes(value)
    return body.decode() if body else None


def run_id(value: str) -> str:
    """The id in its canonical form. Raises `NotFound` when it cannot be one."""
    try:
        return str(UUID(value))
    except ValueError:
        raise NotFound(f"there is no run {value[:64]!r}: ids are UUIDs") from None


def lenient_id(value: str) -> str:
    """The id in its canonical form, or as it is when it cannot be one (nothing will be found under it)."""
    if _CANONICAL(value):
        return value
    try:
        return str(UUID(value))
    except ValueError:
        return value[:64]


def page(found: slices.Slice[T, K], shape: Callable[[T], V]) -> wire.Page[V]:
    """A slice of a list on the wire."""
    return wire.Page(
        data=[shape(row) for row in found.rows], next_cursor=None if found.more is None else cursor(found.more)
    )


# -- runs ---------------------------------------------------------------------------------------------------------


def run_out(run: records.Run, slug: str, *, duplicate: bool | None = None) -> wire.Run:
    """A run on the wire."""
    return wire.Run(
        id=run.id,
        project=slug,
        state=run.state.value,
        job=run.job_name,
        job_id=run.job_id,
        job_version=run.job_version,
        task_id=run.task_id,
        parent_id=run.parent_id,
        replay_of=run.replay_of,
        retry_of=run.retry_of,
        continuation_of=run.continuation_of,
        depth=run.depth,
        batch_id=run.batch_id,
        queue=run.queue,
        executor=run.executor,
        capabilities=msgspec.json.decode(run.requires) if run.requires else [],
        priority=run.priority,
        concurrency_key=run.concurrency_key,
        idempotency_key=run.idempotency_key,
        attempt=run.attempt,
        max_attempts=run.policy.max_attempts,
        payload=raw(run.payload) or NULL,
        output=raw(run.output),
        error=raw(run.error),
        error_class=run.error_class,
        tags=raw(run.tags),
        metadata=raw(run.metadata),
        trigger=run.trigger,
        created_by=run.created_by,
        waiting_for=_waiting_out(run.waiting_for),
        hold=run.hold,
        created_at=when(run.created_at),
        updated_at=when(run.updated_at),
        queued_at=maybe_when(run.queued_at),
        available_at=maybe_when(run.available_at),
        next_retry_at=maybe_when(run.next_retry_at),
        expires_at=maybe_when(run.expires_at),
        claimed_at=maybe_when(run.claimed_at),
        started_at=maybe_when(run.started_at),
        heartbeat_at=maybe_when(run.heartbeat_at),
        finished_at=maybe_when(run.finished_at),
        lease=None if run.lease_until is None else wire.LeaseOut(until=when(run.lease_until), worker=run.worker),
        resolved=_resolved_out(run),
        usage=wire.UsageTotals(
            input_tokens=run.input_tokens, output_tokens=run.output_tokens, cost_micro_usd=run.cost_micro_usd
        ),
        duplicate=UNSET if duplicate is None else duplicate,
    )


def _waiting_out(waiting: records.Waiting | None) -> Raw | None:
    if waiting is None:
        return None
    shown: dict[str, Any] = {"kind": waiting.kind}
    if waiting.until is not None:
        shown["until"] = when(waiting.until)
    if waiting.key is not None:
        shown["key"] = waiting.key
    return Raw(_encode(shown))


def _resolved_out(run: records.Run) -> Raw | None:
    if run.resolved_at is None:
        return None
    resolution = msgspec.json.decode(run.resolution) if run.resolution else {}
    return Raw(_encode({"at": when(run.resolved_at)} | resolution))


def runs_in(project_id: int, asked: Sequence[wire.RunIn], now: int, actor: str) -> CreateRequest:
    """A request for runs. Raises `Invalid`."""
    return CreateRequest(project_id=project_id, runs=tuple(new_run(one, now) for one in asked), actor=actor)


def new_run(asked: wire.RunIn, now: int) -> NewRun:
    """A run asked for. Raises `Invalid` for combinations that make no sense."""
    if asked.job is not None and asked.job_id is not None:
        raise Invalid("name the job by `job` or by `job_id`, not both")
    if asked.delay_seconds is not None and asked.available_at is not None:
        raise Invalid("say `delay_seconds` or `available_at`, not both")
    if asked.concurrency is not UNSET and asked.concurrency.max is not None:
        raise Invalid("`concurrency.max` belongs to a job; a run may set `max_per_key` with a `concurrency_key`")
    available_at = maybe_micros(asked.available_at)
    if asked.delay_seconds:
        available_at = now + span(asked.delay_seconds)
    return NewRun(
        payload=text(asked.payload),
        job=asked.job or asked.job_id,
        queue=said_or_none(asked.queue),
        executor=said_or_none(asked.executor),
        requires=None if asked.capabilities is UNSET else tuple(sorted(set(asked.capabilities))),
        priority=said_or_none(asked.priority),
        policy=policy_in(asked),
        ttl=maybe_span(said_or_none(asked.ttl_seconds)),
        max_per_key=None if asked.concurrency is UNSET else asked.concurrency.max_per_key,
        tags=said_or_none(asked.tags),
        metadata=said_or_none(asked.metadata),
        idempotency_key=asked.idempotency_key,
        concurrency_key=asked.concurrency_key,
        available_at=available_at,
        expires_at=maybe_micros(asked.expires_at),
        parent_id=None if asked.parent_id is None else lenient_id(asked.parent_id),
        continuation_of=None if asked.continuation_of is None else lenient_id(asked.continuation_of),
        draft=asked.draft,
    )


def reschedule_in(asked: wire.RescheduleIn | None, now: int) -> tuple[int | None, str | None]:
    """Time (None is now) and payload (None is the same) of a reschedule. Raises `Invalid`."""
    if asked is None:
        return None, None
    if asked.delay_seconds is not None and asked.available_at is not None:
        raise Invalid("say `delay_seconds` or `available_at`, not both")
    at = maybe_micros(asked.available_at)
    if asked.delay_seconds:
        at = now + span(asked.delay_seconds)
    return at, given_text(asked.payload)


def said_or_none(value: Any) -> Any:
    """What was said, or None where nothing was."""
    return None if value is UNSET else value


def policy_in(asked: wire.Settings) -> dict[str, Any]:
    """The fields of a policy that were said. Raises `Invalid`."""
    said: dict[str, Any] = {}
    if asked.timeout_seconds is not UNSET:
        said["timeout"] = maybe_span(asked.timeout_seconds) or None
    if asked.heartbeat_seconds is not UNSET:
        said["heartbeat_grace"] = maybe_span(asked.heartbeat_seconds) or None
    if asked.lease_seconds is not UNSET:
        said["lease"] = span(asked.lease_seconds)
    if asked.idempotency_ttl_seconds is not UNSET:
        said["idempotency_window"] = maybe_span(asked.idempotency_ttl_seconds)
    if asked.retry is not UNSET:
        said |= _retry_in(asked.retry)
    return said


def _retry_in(retry: wire.Retry) -> dict[str, Any]:
    if retry.backoff == "custom" and not retry.delays_seconds:
        raise Invalid("a custom backoff needs `delays_seconds`, the waits between attempts")
    said: dict[str, Any] = {
        "max_attempts": retry.max_attempts,
        "backoff": retry.backoff,
        "initial_delay": UNSET if retry.initial_seconds is UNSET else span(retry.initial_seconds),
        "min_delay": UNSET if retry.min_seconds is UNSET else span(retry.min_seconds),
        "max_delay": UNSET if retry.max_seconds is UNSET else span(retry.max_seconds),
        "delays": UNSET if retry.delays_seconds is UNSET else tuple(map(span, retry.delays_seconds)),
        "jitter": retry.jitter,
        "non_retryable": UNSET if retry.non_retryable is UNSET else tuple(retry.non_retryable),
        "dead_letter": retry.dead_letter,
        "retry_priority_boost": retry.priority_boost,
    }
    return {name: value for name, value in said.items() if value is not UNSET}


def created(slug: str, outcomes: Sequence[Any]) -> list[tuple[wire.Run, bool]]:
    """The answer to one create request. Raises what the engine refused it with."""
    (outcome,) = outcomes
    if isinstance(outcome, DomainError):
        raise outcome
    made: Sequence[Created] = outcome
    return [(run_out(one.run, slug, duplicate=one.duplicate), one.duplicate) for one in made]


# -- executors ----------------------------------------------------------------------------------------------------


def claim_in(project_id: int, asked: wire.ClaimIn, actor: str) -> leases.ClaimRequest:
    """A request for work."""
    return leases.ClaimRequest(
        project_id=project_id,
        limit=asked.limit,
        executor=asked.executor,
        queues=None if asked.queues is None else tuple(sorted(set(asked.queues))),
        jobs=None if asked.jobs is None else tuple(sorted(set(asked.jobs))),
        capabilities=frozenset(asked.capabilities),
        lease=maybe_span(asked.lease_seconds),
        worker=asked.worker,
        actor=actor,
    )


def claims_out(granted: Sequence[leases.Granted], slug: str) -> wire.ClaimsOut:
    """What was handed out."""
    return wire.ClaimsOut(
        claims=[
            wire.Claim(
                run=run_out(one.run, slug),
                lease=wire.LeaseOut(until=when(one.lease.until), token=one.lease.token, worker=one.run.worker),
            )
            for one in granted
        ]
    )


def given_back(granted: Sequence[leases.Granted], actor: str) -> list[leases.Release]:
    """Reports that return what was handed to a client who left."""
    return [
        leases.Release(
            project_id=one.run.project_id,
            run_id=one.run.id,
            token=one.lease.token,
            actor=actor,
            reason="the client hung up",
        )
        for one in granted
    ]


def named(report: wire.Report, project_id: int, actor: str) -> dict[str, Any]:
    """What all reports name."""
    return {"project_id": project_id, "run_id": lenient_id(report.run_id), "token": report.token, "actor": actor}


def failure_in(error: wire.ErrorIn | str, retryable: bool | None) -> Failure:
    """What went wrong, in the engine's words."""
    if isinstance(error, str):
        return Failure(message=error[:65536], retryable=retryable)
    return Failure(message=error.message, kind=error.kind, retryable=retryable, data=_data(error.data))


def _data(value: Raw) -> Raw | None:
    return value if maybe_text(value) is not None else None


def results_out(reports: Sequence[wire.Report], outcomes: Sequence[leases.Outcome]) -> wire.Results:
    """One result for each report, in order."""
    return wire.Results(
        results=[_result_out(report.run_id, outcome) for report, outcome in zip(reports, outcomes, strict=True)]
    )


def _result_out(run: str, outcome: leases.Outcome) -> wire.Result:
    if isinstance(outcome, DomainError):
        status, code = refusal(outcome)
        state = outcome.extra.get("state")
        shown = None if state is None else str(state)
        return wire.Result(
            run_id=run,
            ok=False,
            error=wire.ResultError(code=code, detail=outcome.detail, status=status, state=shown),
        )
    after = outcome.run
    return wire.Result(
        run_id=run,
        ok=True,
        state=after.state.value,
        lease=None if after.lease_until is None else wire.LeaseOut(until=when(after.lease_until)),
        next_retry_at=maybe_when(after.next_retry_at),
    )


def refusal(error: DomainError) -> tuple[int, str]:
    """Status and code of an error inside a reply that holds many."""
    fault = PROBLEMS.fault(understood(error), "")
    return fault.status, fault.code


# -- jobs ---------------------------------------------------------------------------------------------------------


def spec_in(asked: wire.JobSpec) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields of a definition that were said, and those of its policy. Raises `Invalid`."""
    policy = policy_in(asked)
    said: dict[str, Any] = {}
    if asked.output_schema is not UNSET:
        policy["output_schema"] = schema_in(asked.output_schema)
    if asked.payload_schema is not UNSET:
        said["payload_schema"] = schema_in(asked.payload_schema)
    if asked.capabilities is not UNSET:
        said["requires"] = tuple(sorted(set(asked.capabilities)))
    if asked.ttl_seconds is not UNSET:
        said["ttl"] = maybe_span(asked.ttl_seconds) or None
    if asked.concurrency is not UNSET:
        said |= {"max_concurrency": asked.concurrency.max, "max_per_key": asked.concurrency.max_per_key}
    if asked.rate_limit is not UNSET:
        rate = asked.rate_limit
        said["rate"] = None if rate is None else Rate(max=rate.max, window=span(rate.window_seconds), mode=rate.mode)
    for name in ("queue", "executor", "priority", "tags", "metadata", "description"):
        value = getattr(asked, name)
        if value is not UNSET:
            said[name] = value
    return said, policy


def job_spec(asked: wire.JobSpec) -> JobSpec:
    """A new job's definition. Raises `Invalid`."""
    said, policy = spec_in(asked)
    return JobSpec(**said, policy=Policy(**policy))


def schema_in(schema: dict[str, Any] | bool | None) -> str | None:
    """A JSON Schema as it is stored."""
    return None if schema is None else _encode(schema).decode()


def spec_out(spec: str) -> Raw:
    """A stored definition in the words it can be sent again in."""
    job = msgspec.json.decode(spec, type=JobSpec)
    policy = job.policy
    shown = wire.JobSpec(
        description=job.description,
        queue=job.queue,
        executor=job.executor,
        capabilities=list(job.requires),
        priority=job.priority,
        retry=wire.Retry(
            max_attempts=policy.max_attempts,
            backoff=policy.backoff,
            initial_seconds=policy.initial_delay / SECOND,
            min_seconds=policy.min_delay / SECOND,
            max_seconds=policy.max_delay / SECOND,
            delays_seconds=[delay / SECOND for delay in policy.delays] or UNSET,
            jitter=policy.jitter,
            non_retryable=list(policy.non_retryable),
            dead_letter=policy.dead_letter,
            priority_boost=policy.retry_priority_boost,
        ),
        timeout_seconds=_seconds(policy.timeout),
        heartbeat_seconds=_seconds(policy.heartbeat_grace),
        lease_seconds=policy.lease / SECOND,
        ttl_seconds=_seconds(job.ttl),
        concurrency=wire.Concurrency(max=job.max_concurrency, max_per_key=job.max_per_key),
        tags=job.tags,
        metadata=job.metadata,
        idempotency_ttl_seconds=_seconds(policy.idempotency_window),
        rate_limit=None
        if job.rate is None
        else wire.RateLimit(max=job.rate.max, window_seconds=job.rate.window / SECOND, mode=job.rate.mode),
        payload_schema=_schema(job.payload_schema),
        output_schema=_schema(policy.output_schema),
    )
    return Raw(_encode(shown))


def _seconds(span_micros: int | None) -> float | None:
    return None if span_micros is None else span_micros / SECOND


def _schema(schema: str | None) -> Any:
    return None if schema is None else msgspec.json.decode(schema)


def job_out(job: records.Job, slug: str) -> wire.Job:
    """A job on the wire."""
    return wire.Job(
        id=job.id,
        project=slug,
        name=job.name,
        version=job.version,
        enabled=job.enabled,
        spec=spec_out(job.spec),
        created_at=when(job.created_at),
        updated_at=when(job.updated_at),
    )


# -- projects, keys -----------------------------------------------------------------------------------------------


def project_out(project: records.Project) -> wire.Project:
    """A project on the wire."""
    return wire.Project(number=project.id, slug=project.slug, name=project.name, created_at=when(project.created_at))


# -- records of a run ---------------------------------------------------------------------------------------------


def attempt_out(attempt: records.Attempt) -> wire.Attempt:
    """An attempt on the wire."""
    return wire.Attempt(
        run_id=attempt.run_id,
        epoch=attempt.epoch,
        attempt=attempt.attempt,
        outcome=attempt.outcome,
        executor=attempt.executor,
        worker=attempt.worker,
        claimed_at=when(attempt.claimed_at),
        started_at=maybe_when(attempt.started_at),
        ended_at=maybe_when(attempt.ended_at),
        error=raw(attempt.error),
        error_class=attempt.error_class,
    )


def event_out(event: records.Event) -> wire.Event:
    """A journal line on the wire."""
    return wire.Event(
        seq=event.seq,
        type=event.type,
        run_id=event.run_id,
        at=when(event.at),
        actor=event.actor,
        data=raw(event.data) or NULL,
    )


def log_out(entry: records.LogEntry) -> wire.LogEntry:
    """A log line on the wire."""
    return wire.LogEntry(
        seq=entry.seq,
        run_id=entry.run_id,
        attempt=entry.attempt,
        at=when(entry.at),
        level=entry.level,
        message=entry.message,
        data=raw(entry.data),
    )


def checkpoint_out(one: traces.Checkpoint) -> wire.Checkpoint:
    """A checkpoint on the wire."""
    return wire.Checkpoint(
        run_id=one.run_id,
        number=one.number,
        attempt=one.attempt,
        at=when(one.at),
        label=one.label,
        state=raw(one.state) or NULL,
    )


def usage_out(one: traces.Usage) -> wire.Usage:
    """A line of the usage ledger on the wire."""
    return wire.Usage(
        id=one.id,
        run_id=one.run_id,
        attempt=one.attempt,
        at=when(one.at),
        provider=one.provider,
        model=one.model,
        input_tokens=one.input_tokens,
        output_tokens=one.output_tokens,
        cache_read_tokens=one.cache_read_tokens,
        cache_write_tokens=one.cache_write_tokens,
        reasoning_tokens=one.reasoning_tokens,
        cost_micro_usd=one.cost_micro_usd,
        source=one.source,
        price=raw(one.price),
    )


def tool_call_out(one: traces.ToolCall) -> wire.ToolCall:
    """A tool call on the wire."""
    return wire.ToolCall(
        id=one.id,
        run_id=one.run_id,
        attempt=one.attempt,
        at=when(one.at),
        name=one.name,
        input=raw(one.input),
        output=raw(one.output),
        error=one.error,
        status=one.status,
        duration_ms=one.duration_ms,
    )


def output_out(one: traces.Output) -> wire.Output:
    """A named result on the wire."""
    return wire.Output(
        run_id=one.run_id, key=one.name, value=raw(one.value) or NULL, schema=raw(one.schema), at=when(one.at)
    )


def state_out(one: traces.StateEntry) -> wire.StateEntry:
    """A kept value on the wire."""
    return wire.StateEntry(
        run_id=one.run_id, key=one.name, value=raw(one.value) or NULL, updated_at=when(one.updated_at)
    )


def artifact_out(one: traces.Artifact) -> wire.Artifact:
    """An artifact on the wire."""
    return wire.Artifact(
        id=one.id,
        run_id=one.run_id,
        name=one.name,
        content_type=one.content_type,
        size=one.size,
        sha256=one.sha256,
        at=when(one.at),
    )


def key_out(key: records.Key, slug: str, secret: str | None = None) -> wire.Key:
    """A key on the wire, with its secret when it was made now."""
    return wire.Key(
        id=key.id,
        name=key.name,
        prefix=key.prefix,
        scopes=list(key.scopes),
        project=slug,
        dialect=key.dialect or "native",
        created_at=when(key.created_at),
        expires_at=maybe_when(key.expires_at),
        revoked_at=maybe_when(key.revoked_at),
        last_used_at=maybe_when(key.last_used_at),
        key=UNSET if secret is None else secret,
    )


def version_out(version: records.JobVersion) -> wire.JobVersion:
    """A version of a job on the wire."""
    return wire.JobVersion(
        job_id=version.job_id,
        version=version.version,
        spec=spec_out(version.spec),
        created_at=when(version.created_at),
        created_by=version.created_by,
    )


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


def explanation_out(found: explain.Explanation) -> wire.Explanation:
    """Why a run is where it is, on the wire."""
    return wire.Explanation(
        run_id=found.run_id,
        state=found.state,
        summary=found.summary,
        reasons=[
            wire.Why(code=one.code, detail=one.detail, remedy=one.remedy, until=maybe_when(one.until))
            for one in found.reasons
        ],
        position=found.position,
    )


def listed(value: str | list[str] | None) -> list[str] | None:
    """One word or several, as several."""
    return [value] if isinstance(value, str) else value


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
