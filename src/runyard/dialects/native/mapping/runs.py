"""Runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Raw

from runyard.dialects.native import wire
from runyard.dialects.native.mapping.jobs import policy_in
from runyard.dialects.native.mapping.values import (
    NULL,
    given_text,
    lenient_id,
    maybe_micros,
    maybe_span,
    maybe_when,
    raw,
    said_or_none,
    span,
    text,
    when,
)
from runyard.domain import records
from runyard.domain.errors import DomainError, Invalid
from runyard.domain.jobs import NewRun
from runyard.domain.presets import OVERRIDE
from runyard.engine import explain
from runyard.engine.creations import Created, CreateRequest

_encode = msgspec.json.Encoder().encode


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
        debug=bool(run.debug),
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


def restart_notes(asked: wire.RestartIn) -> dict[str, str]:
    """What the metadata of a restarted run says from then on."""
    return {} if asked.preset is None else {OVERRIDE: asked.preset}


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


def created(slug: str, outcomes: Sequence[Any]) -> list[tuple[wire.Run, bool]]:
    """The answer to one create request. Raises what the engine refused it with."""
    (outcome,) = outcomes
    if isinstance(outcome, DomainError):
        raise outcome
    made: Sequence[Created] = outcome
    return [(run_out(one.run, slug, duplicate=one.duplicate), one.duplicate) for one in made]


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
