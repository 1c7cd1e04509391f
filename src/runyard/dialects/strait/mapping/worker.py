"""What workers send, as the engine takes it."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from runyard.dialects.strait.mapping.values import given_text, text
from runyard.dialects.strait.wire import worker as wire
from runyard.domain.errors import Invalid, TooLarge
from runyard.engine.chunks import NewChunk
from runyard.engine.logs import NewEntry
from runyard.engine.outputs import NewOutput
from runyard.engine.run_state import VALUE
from runyard.engine.tool_calls import NewToolCall
from runyard.engine.usage import NewUsage

RESULT = 1 << 20
"""Bytes of a result (contract §16)."""


def log_in(data: wire.SDKLogRequest) -> NewEntry:
    """A line to log."""
    return NewEntry(message=data.message, level=data.level, type=data.type, data=given_text(data.data))


def progress_in(data: wire.SDKProgressRequest) -> NewEntry:
    """Progress as a line of the log."""
    said: dict[str, Any] = {"percent": int(data.percent) if data.percent.is_integer() else data.percent}
    if data.step is not None:
        said["step"] = data.step
    if data.eta_seconds is not None:
        said["eta_seconds"] = data.eta_seconds
    return NewEntry(message=data.message or "", type="progress", data=msgspec.json.encode(said).decode())


def usage_in(data: wire.SDKUsageRequest) -> NewUsage:
    """Tokens used."""
    return NewUsage(
        provider=data.provider,
        model=data.model,
        input_tokens=data.prompt_tokens,
        output_tokens=data.completion_tokens,
        total_tokens=data.total_tokens,
        cost_micro_usd=data.cost_microusd,
    )


def tool_call_in(data: wire.SDKToolCallRequest) -> NewToolCall:
    """A tool that was called."""
    return NewToolCall(
        name=data.tool_name,
        input=given_text(data.input),
        output=given_text(data.output),
        status=data.status or "",
        duration_ms=data.duration_ms,
    )


def output_in(data: wire.SDKOutputRequest) -> NewOutput:
    """A named result. Raises `Invalid` when it has no name."""
    name = data.output_key if data.output_key is not UNSET else data.key
    if name is UNSET:
        raise Invalid("an output needs its name: output_key, or key")
    schema = given_text(data.schema)
    return NewOutput(name=name, value=text(data.value), schema=None if schema == "null" else schema)


def result_in(data: wire.SDKCompleteRequest | None) -> str:
    """What came of a run. Raises `TooLarge`."""
    if data is None or not bytes(data.result):
        return "null"
    if len(bytes(data.result)) > RESULT:
        raise TooLarge(f"the result takes {len(bytes(data.result))} bytes; at most {RESULT} are kept")
    return text(data.result)


def value_in(data: wire.SDKSetStateRequest) -> str:
    """A value to keep. Raises `Invalid` when it is too long (contract §19: a 400)."""
    if len(bytes(data.value)) > VALUE:
        raise Invalid(f"the value takes {len(bytes(data.value))} bytes; at most {VALUE} are kept")
    return text(data.value)


def chunk_in(data: wire.SDKStreamChunkRequest) -> NewChunk:
    """A piece of output."""
    return NewChunk(text=data.chunk, stream=data.stream_id, done=data.done)
