"""Jobs and policies."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, Raw

from runyard.dialects.native import wire
from runyard.dialects.native.mapping.values import (
    SECOND,
    maybe_span,
    span,
    when,
)
from runyard.domain import records
from runyard.domain.errors import Invalid
from runyard.domain.jobs import JobSpec, Rate
from runyard.domain.policy import Policy

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


def version_out(version: records.JobVersion) -> wire.JobVersion:
    """A version of a job on the wire."""
    return wire.JobVersion(
        job_id=version.job_id,
        version=version.version,
        spec=spec_out(version.spec),
        created_at=when(version.created_at),
        created_by=version.created_by,
    )
