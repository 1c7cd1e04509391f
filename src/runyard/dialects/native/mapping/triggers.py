"""Triggers and schedules of jobs."""

from __future__ import annotations

from typing import Literal

from runyard.dialects.native.mapping.runs import new_run, run_out
from runyard.dialects.native.mapping.values import maybe_when, when
from runyard.dialects.native.wire import runs as runs_wire
from runyard.dialects.native.wire import triggers as wire
from runyard.domain.errors import DomainError
from runyard.domain.jobs import Cron
from runyard.engine.schedules import Fires
from runyard.engine.specs import spec_of
from runyard.engine.triggers import Outcome, PutOff, Rehearsal, Trigger, Triggered, TriggerRequest

_OWN = {"debounce_key", "batch_key", "dry_run"}
_OF_RUN = tuple(name for name in wire.TriggerIn.__struct_fields__ if name not in _OWN)
Put = Literal["buffered", "debounced"]
Told = Literal["created", "duplicate", "flushed", "checked"]
_OUTCOMES: dict[str, Told] = {
    "created": "created",
    "key": "duplicate",
    "payload": "duplicate",
    "batch": "flushed",
    "dry": "checked",
}


def trigger_in(asked: wire.TriggerIn, *, project_id: int, job: str, now: int, actor: str) -> TriggerRequest:
    """A call with one trigger. Raises `Invalid`."""
    run = new_run(runs_wire.RunIn(**{name: getattr(asked, name) for name in _OF_RUN}), now)
    one = Trigger(run=run, debounce_key=asked.debounce_key or "", batch_key=asked.batch_key or "")
    return TriggerRequest(project_id=project_id, job=job, triggers=(one,), actor=actor)


def triggered_out(outcome: Outcome, slug: str) -> tuple[wire.TriggerOut, int]:
    """What became of a trigger, and the status that says so. Raises what it was refused with."""
    if isinstance(outcome, DomainError):
        raise outcome
    if isinstance(outcome, PutOff):
        at = maybe_when(outcome.fire_at)
        said: Put = "buffered" if at is None else "debounced"
        return wire.TriggerOut(outcome=said, run=None, payload_hash=None, fire_at=at, warnings=[]), 202
    assert isinstance(outcome, Triggered)
    told = _OUTCOMES[outcome.how]
    run = run_out(outcome.run, slug, duplicate=told == "duplicate")
    out = wire.TriggerOut(outcome=told, run=run, payload_hash=outcome.hash, fire_at=None, warnings=[])
    return out, 200 if told == "duplicate" else 201


def rehearsal_out(found: Rehearsal, slug: str) -> wire.TriggerOut:
    """What a trigger would make."""
    return wire.TriggerOut(
        outcome="checked",
        run=run_out(found.run, slug),
        payload_hash=found.hash,
        fire_at=None,
        warnings=found.warnings,
    )


def schedule_out(found: Fires) -> wire.Schedule:
    """When a job makes runs, on the wire."""
    cron = spec_of(found.job).cron or Cron(expression=found.expression)
    return wire.Schedule(
        job=found.job.name,
        job_id=found.job.id,
        cron=cron.expression,
        timezone=found.zone,
        overlap=cron.overlap,
        catch_up=cron.catch_up,
        next=[when(at) for at in found.next],
        last_at=maybe_when(found.last_at),
    )
