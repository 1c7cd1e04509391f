"""Triggers and batch records, both ways (contract §3–8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import UNSET, Raw

from runyard.dialects.strait.mapping.jobs import job_out
from runyard.dialects.strait.mapping.runs import STATUS
from runyard.dialects.strait.mapping.values import SECOND, given_text, maybe, maybe_when, micros, when
from runyard.dialects.strait.wire import triggers as wire
from runyard.domain.errors import DomainError, Invalid
from runyard.domain.jobs import NewRun
from runyard.domain.records import Run
from runyard.engine.rates import first_id_at
from runyard.engine.triggers import Bulk, Outcome, PutOff, Rehearsal, Trigger, Triggered, TriggerRequest
from runyard.storage.statements.batches import Batch

SPARE = 60 * SECOND
"""How much longer than its timeout a run waits to be taken when nobody says how long (contract §4)."""
KEY = 256
TRACES = {"Traceparent": "_trace_parent", "Tracestate": "_trace_state"}
Token = Callable[[Run], str]


def key_in(headers: Sequence[str | None], body: str | None) -> str | None:
    """The idempotency key: of the first header that has one, else of the body. Raises `Invalid`."""
    found = next((text for text in headers if text), None) or body or None
    if found is not None and len(found) > KEY:
        raise Invalid(f"an idempotency key has at most {KEY} characters")
    return found


def trigger_in(
    asked: wire.TriggerJobRequest,
    *,
    project_id: int,
    job_id: str,
    key: str | None,
    traces: Mapping[str, str],
    actor: str,
) -> TriggerRequest:
    """A call with one trigger."""
    one = Trigger(
        run=_new_run(asked, key, traces), debounce_key=asked.debounce_key or "", batch_key=asked.batch_key or ""
    )
    return TriggerRequest(project_id=project_id, job=job_id, triggers=(one,), actor=actor)


def bulk_in(asked: wire.BulkTriggerRequest, *, project_id: int, job_id: str, actor: str) -> TriggerRequest:
    """A call with many triggers."""
    items = tuple(
        Trigger(run=_new_run(item, item.idempotency_key or None, {}), dry=bool(item.dry_run)) for item in asked.items
    )
    return TriggerRequest(project_id=project_id, job=job_id, triggers=items, bulk=True, actor=actor)


def _new_run(asked: wire.TriggerItem, key: str | None, traces: Mapping[str, str]) -> NewRun:
    return NewRun(
        payload=given_text(asked.payload) or "{}",
        priority=asked.priority,
        ttl=asked.ttl_secs * SECOND if asked.ttl_secs else None,
        spare=SPARE,
        tags=asked.tags or None,
        metadata={**(asked.metadata or {}), **traces} or None,
        idempotency_key=key,
        concurrency_key=asked.concurrency_key or None,
        available_at=None if asked.scheduled_at is None else micros(asked.scheduled_at),
    )


def said(outcome: Outcome) -> Triggered | PutOff | Bulk:
    """What became of a call. Raises what it was refused with."""
    if isinstance(outcome, DomainError):
        raise outcome
    return outcome


def triggered_out(outcome: Triggered, token: Token) -> wire.TriggerJobResponse:
    """The run that answers a trigger."""
    run = outcome.run
    answer = wire.TriggerJobResponse(id=run.id, status=STATUS[run.state])
    match outcome.how:
        case "key":
            answer.idempotency_hit = True
        case "batch":
            answer.batch = True
        case "payload":
            answer.payload_hash, answer.idempotency_hit = outcome.hash, False
        case _:
            answer.payload_hash, answer.idempotency_hit = outcome.hash, False
            answer.run_token = token(run)
    return answer


def put_off_out(outcome: PutOff) -> wire.TriggerDeferredResponse:
    """A trigger that makes its run later."""
    if outcome.fire_at is None:
        return wire.TriggerDeferredResponse(buffered=True)
    return wire.TriggerDeferredResponse(debounced=True, fire_at=when(outcome.fire_at))


def rehearsal_out(found: Rehearsal, slug: str) -> wire.TriggerDryRunResponse:
    """What a trigger would make."""
    run = found.run
    return wire.TriggerDryRunResponse(
        job=job_out(found.job, slug),
        payload_hash=found.hash,
        payload=Raw(run.payload.encode()),
        scheduled_at=maybe_when(run.available_at),
        expires_at=when(run.expires_at or run.created_at),
        validation_warnings=found.warnings or UNSET,
    )


def bulk_out(made: Bulk, token: Token) -> wire.BulkTriggerResponse:
    """What became of many triggers."""
    return wire.BulkTriggerResponse(
        batch_id=made.batch.id,
        results=[
            wire.BulkTriggerResult(
                id="" if one.how == "dry" else one.run.id,
                status=STATUS[one.run.state],
                run_token=token(one.run) if one.how == "created" else "",
                idempotency_hit=one.how == "key",
            )
            for one in made.results
        ],
        total=made.batch.item_count,
        created=made.batch.created_count,
    )


def batch_out(batch: Batch, slug: str) -> wire.BatchOperation:
    """A batch record on the wire."""
    return wire.BatchOperation(
        id=batch.id,
        project_id=slug,
        job_id=batch.job_id,
        item_count=batch.item_count,
        created_count=batch.created_count,
        created_by=maybe(batch.created_by),
        created_at=when(batch.created_at),
        finished_at=maybe_when(batch.finished_at),
    )


def batch_place(place: tuple[int, str | None] | None) -> str | None:
    """The id that a page of batch records goes on below: that of the cursor, else the first of its time."""
    if place is None:
        return None
    at, batch_id = place
    return batch_id or first_id_at(at)


def place_of_batch(batch: Batch) -> tuple[int, str]:
    """Where a batch record stands in its list."""
    return batch.created_at, batch.id
