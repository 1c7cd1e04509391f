"""What a run leaves behind."""

from __future__ import annotations

from runyard.dialects.native import wire
from runyard.dialects.native.mapping.values import (
    NULL,
    maybe_when,
    raw,
    when,
)
from runyard.domain import records, traces


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
        type=entry.type,
    )


def chunk_out(one: records.Chunk) -> wire.Chunk:
    """A piece of output on the wire."""
    return wire.Chunk(
        seq=one.seq, run_id=one.run_id, at=when(one.at), stream=one.stream, chunk=one.chunk, done=one.done
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
        total_tokens=one.total,
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
