"""What a run leaves behind, both ways; and the ids of what has none inside.

Events, checkpoints and outputs are known inside by number or name. Their ids here are UUIDs made from those, always the
same ones, so that a list goes on where its cursor says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from uuid import UUID

from msgspec import UNSET, Raw

from runyard.dialects.strait.mapping.values import cursor, maybe_raw, place, when
from runyard.dialects.strait.wire import records as wire
from runyard.domain import traces
from runyard.domain.errors import Invalid
from runyard.domain.records import LogEntry
from runyard.storage.port import LogLine

_SEQ = (1 << 62) - 1
_NUMBER = (1 << 32) - 1
Place = tuple[int, str | None] | None
"""What a cursor says: a time, and the id of the entry when the cursor was made here."""


def event_id(entry: LogEntry | LogLine) -> str:
    """The id of a log line: its number, under its time."""
    return _uuid(entry.at // 1000, 0, entry.seq & _SEQ)


def seq_of(event: str) -> int:
    """The number of the log line with this id."""
    return UUID(event).int & _SEQ


def checkpoint_id(one: traces.Checkpoint) -> str:
    """The id of a checkpoint: its number, under its time, beside something of its run."""
    mark = _mark(one.run_id)
    return _uuid(one.at // 1000, mark >> 30, (mark & ((1 << 30) - 1)) << 32 | one.number & _NUMBER)


def number_of(checkpoint: str) -> int:
    """The number of the checkpoint with this id."""
    return UUID(checkpoint).int & _NUMBER


def output_id(run_id: str, name: str) -> str:
    """The id of an output, which keeps it however often it is set."""
    mark = _mark(f"{run_id}:{name}")
    return _uuid(UUID(run_id).int >> 80, mark >> 52, mark & _SEQ)


def _mark(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:9], "big")


def _uuid(millis: int, high: int, low: int) -> str:
    """A UUID of version 7 with these bits in it."""
    time = (millis & ((1 << 48) - 1)) << 80
    return str(UUID(int=time | 7 << 76 | (high & 0xFFF) << 64 | 2 << 62 | low))


def event_out(entry: LogEntry | LogLine) -> wire.RunEvent:
    """A log line on the wire."""
    return wire.RunEvent(
        id=event_id(entry),
        run_id=entry.run_id,
        type=entry.type,
        level=entry.level,
        message=entry.message,
        data=Raw(b"{}") if entry.data is None else Raw(entry.data.encode()),
        created_at=when(entry.at),
    )


def checkpoint_out(one: traces.Checkpoint) -> wire.RunCheckpoint:
    """A checkpoint on the wire; its label is the source."""
    return wire.RunCheckpoint(
        id=checkpoint_id(one),
        run_id=one.run_id,
        sequence=one.number,
        source=one.label or "sdk",
        state=Raw(one.state.encode()),
        created_at=when(one.at),
    )


def usage_out(one: traces.Usage) -> wire.RunUsage:
    """A line of the usage ledger on the wire."""
    return wire.RunUsage(
        id=one.id,
        run_id=one.run_id,
        provider=one.provider or "",
        model=one.model,
        prompt_tokens=one.input_tokens,
        completion_tokens=one.output_tokens,
        total_tokens=one.total,
        cost_microusd=one.cost_micro_usd,
        created_at=when(one.at),
    )


def tool_call_out(one: traces.ToolCall) -> wire.RunToolCall:
    """A tool call on the wire."""
    return wire.RunToolCall(
        id=one.id,
        run_id=one.run_id,
        tool_name=one.name,
        input=maybe_raw(one.input),
        output=maybe_raw(one.output),
        duration_ms=one.duration_ms or UNSET,
        status=one.status,
        created_at=when(one.at),
    )


def output_out(one: traces.Output) -> wire.RunOutput:
    """A named result on the wire."""
    return wire.RunOutput(
        id=output_id(one.run_id, one.name),
        run_id=one.run_id,
        output_key=one.name,
        schema=maybe_raw(one.schema),
        value=Raw(one.value.encode()),
        created_at=when(one.at),
    )


def state_out(one: traces.StateEntry) -> wire.RunStateEntry:
    """A kept value on the wire."""
    return wire.RunStateEntry(
        run_id=one.run_id, state_key=one.name, value=Raw(one.value.encode()), updated_at=when(one.updated_at)
    )


def after_event(rows: Sequence[LogEntry], more: int | None, before: Place) -> str | None:
    """The cursor after the log line of this number, which a filter may have kept from being shown."""
    if more is None:
        return None
    at = rows[-1].at if rows else before[0] if before else 0
    return cursor(at, _uuid(at // 1000, 0, more & _SEQ))


def after_checkpoint(rows: Sequence[traces.Checkpoint], more: int | None) -> str | None:
    """The cursor below the last checkpoint shown."""
    return cursor(rows[-1].at, checkpoint_id(rows[-1])) if more is not None and rows else None


def after_row(rows: Sequence[traces.Usage] | Sequence[traces.ToolCall], more: str | None) -> str | None:
    """The cursor below the last row shown."""
    return cursor(rows[-1].at, rows[-1].id) if more is not None and rows else None


def after_output(rows: Sequence[traces.Output], more: str | None) -> str | None:
    """The cursor after the last output shown."""
    return cursor(rows[-1].at, output_id(rows[-1].run_id, rows[-1].name)) if more is not None and rows else None


def output_at(run_id: str, names: Sequence[tuple[str, int]], found: Place) -> str:
    """The name that a page of outputs goes on after: that of the cursor's id, or the last one set at its time.

    Raises `Invalid` when no output is meant.
    """
    if found is None:
        return ""
    at, wanted = found
    for name, set_at in reversed(names):
        if output_id(run_id, name) == wanted if wanted is not None else set_at == at:
            return name
    raise Invalid("no output has this cursor; send X-Next-Cursor as it was given")


def place_in(value: str | None) -> Place:
    """What a cursor says. Raises `Invalid`."""
    return place(value)
