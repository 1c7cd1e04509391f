"""Jobs and policies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, Raw, UnsetType

from runyard.dialects.native import wire
from runyard.dialects.native.mapping.values import (
    SECOND,
    maybe_span,
    span,
    when,
)
from runyard.domain import records
from runyard.domain.errors import Invalid
from runyard.domain.jobs import Cron, Http, JobSpec, Managed, Rate, Webhook
from runyard.domain.policy import Policy
from runyard.engine.job_health import Health
from runyard.engine.job_secrets import Named
from runyard.storage.statements.environments import Environment

T = TypeVar("T")
_encode = msgspec.json.Encoder().encode


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
    if asked.version_policy is not UNSET:
        said["upgrade"] = asked.version_policy
    if asked.adaptive_timeout is not UNSET:
        said["adaptive_timeout"] = asked.adaptive_timeout
    if asked.guards is not UNSET:
        guards = asked.guards
        said |= {
            "max_tokens": guards.max_tokens,
            "max_cost": guards.max_cost_micro_usd,
            "max_tool_calls": guards.max_tool_calls,
            "allowed_tools": tuple(guards.allowed_tools),
            "blocked_tools": tuple(guards.blocked_tools),
        }
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
    if asked.managed is not UNSET:
        said["managed"] = _as(Managed, asked.managed)
    if asked.cron is not UNSET:
        said["cron"] = _as(Cron, asked.cron)
    if asked.dedup_seconds is not UNSET:
        said["dedup_window"] = maybe_span(asked.dedup_seconds) or None
    if asked.debounce_seconds is not UNSET:
        said["debounce_window"] = maybe_span(asked.debounce_seconds) or None
    if asked.batch is not UNSET:
        batch = asked.batch
        said |= {
            "batch_window": None if batch is None else span(batch.window_seconds),
            "batch_max": None if batch is None else batch.max,
        }
    for name in ("timezone", "window", "environment_id"):
        if getattr(asked, name) is not UNSET:
            said[name] = getattr(asked, name) or None
    for name in (
        "queue",
        "executor",
        "priority",
        "tags",
        "metadata",
        "description",
        "title",
        "backwards_compatible",
    ):
        value = getattr(asked, name)
        if value is not UNSET:
            said[name] = value
    return said, policy


def _as(kind: type[T], asked: msgspec.Struct | None) -> T | None:
    """The same fields as the engine's."""
    return None if asked is None else kind(**msgspec.structs.asdict(asked))


def signed_in(asked: wire.JobSpec, seal: Callable[[str], str]) -> Callable[[JobSpec], JobSpec]:
    """What the request makes of a definition's endpoint and webhook, whose secrets are sealed at once."""
    http = {} if asked.http is UNSET or asked.http is None else _sealed(asked.http, seal)
    webhook = {} if asked.webhook is UNSET or asked.webhook is None else _sealed(asked.webhook, seal)

    def change(spec: JobSpec) -> JobSpec:
        changes: dict[str, Any] = {}
        if asked.http is not UNSET:
            kept = spec.http.secret if spec.http is not None else None
            changes["http"] = Http(**{"secret": kept, **http}) if http else None
        if asked.webhook is not UNSET:
            kept = spec.webhook.secret if spec.webhook is not None else None
            changes["webhook"] = Webhook(**{"secret": kept, **webhook}) if webhook else None
        return msgspec.structs.replace(spec, **changes)

    return change


def _sealed(asked: wire.Http | wire.Webhook, seal: Callable[[str], str]) -> dict[str, Any]:
    said = {name: value for name, value in msgspec.structs.asdict(asked).items() if value is not UNSET}
    if said.get("secret") is not None:
        said["secret"] = seal(said["secret"])
    return said


def job_spec(asked: wire.JobSpec, seal: Callable[[str], str]) -> JobSpec:
    """A new job's definition. Raises `Invalid`."""
    said, policy = spec_in(asked)
    return signed_in(asked, seal)(JobSpec(**said, policy=Policy(**policy)))


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
        version_policy=policy.upgrade,
        adaptive_timeout=policy.adaptive_timeout,
        guards=wire.Guards(
            max_tokens=policy.max_tokens,
            max_cost_micro_usd=policy.max_cost,
            max_tool_calls=policy.max_tool_calls,
            allowed_tools=list(policy.allowed_tools),
            blocked_tools=list(policy.blocked_tools),
        ),
        title=job.title or UNSET,
        http=UNSET if job.http is None else wire.Http(url=job.http.url, fallback_url=job.http.fallback_url),
        managed=UNSET if job.managed is None else wire.Managed(image=job.managed.image, preset=job.managed.preset),
        webhook=UNSET if job.webhook is None else wire.Webhook(url=job.webhook.url),
        cron=UNSET if job.cron is None else wire.Cron(**msgspec.structs.asdict(job.cron)),
        timezone=_told(job.timezone),
        window=_told(job.window),
        environment_id=_told(job.environment_id),
        dedup_seconds=_told(_seconds(job.dedup_window)),
        debounce_seconds=_told(_seconds(job.debounce_window)),
        batch=UNSET
        if job.batch_window is None
        else wire.Batch(window_seconds=job.batch_window / SECOND, max=job.batch_max),
        backwards_compatible=job.backwards_compatible,
    )
    return Raw(_encode(shown))


def _told(value: T | None) -> T | UnsetType:
    return UNSET if value is None else value


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


def version_out(version: records.JobVersion) -> wire.JobVersion:
    """A version of a job on the wire."""
    return wire.JobVersion(
        job_id=version.job_id,
        version=version.version,
        spec=spec_out(version.spec),
        created_at=when(version.created_at),
        created_by=version.created_by,
    )


def health_out(found: Health) -> wire.JobHealth:
    """How a job fares, on the wire."""
    return wire.JobHealth(
        job_id=found.job_id,
        since=when(found.since),
        ended=found.ended,
        success_rate=round(found.success_rate, 6),
        average_seconds=None if found.average is None else found.average / SECOND,
        p95_seconds=_seconds(found.p95),
        p99_seconds=_seconds(found.p99),
    )


def secret_out(named: Named) -> wire.Secret:
    """A secret on the wire: its name alone."""
    return wire.Secret(name=named.name, updated_at=when(named.updated_at))


def environment_out(one: Environment) -> wire.Environment:
    """An environment on the wire: the names of its variables alone."""
    return wire.Environment(
        id=one.id,
        name=one.name,
        variables=sorted(one.variables),
        created_at=when(one.created_at),
        updated_at=when(one.updated_at),
    )
