"""What workers send by run token (contract §16)."""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from runyard.dialects.strait.wire.values import NOTHING, Key256

Text = Annotated[str, Meta(min_length=1)]
Word = Annotated[str, Meta(min_length=1, max_length=128)]
Level = Annotated[str, Meta(min_length=1, max_length=32)]
Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]


class SDKLogRequest(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A line to log."""

    printed: ClassVar = ("message",)
    message: Text
    type: Word = "log"
    level: Level = "info"
    data: Raw = NOTHING


class SDKProgressRequest(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How far the work is, in percent."""

    printed: ClassVar = ("message", "step")
    percent: Annotated[float, Meta(ge=0, le=100)]
    message: str | None = None
    step: str | None = None
    eta_seconds: Annotated[int, Meta(ge=0, le=2**53 - 1)] | None = None


class SDKAnnotateRequest(msgspec.Struct, kw_only=True):
    """Entries for the run's metadata."""

    annotations: Annotated[dict[str, str], Meta(min_length=1, max_length=50)]


class SDKCheckpointRequest(msgspec.Struct, kw_only=True, omit_defaults=True):
    """State to resume from."""

    state: Raw
    source: Word = "sdk"


class SDKUsageRequest(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Tokens a model used; without a cost the price list is asked."""

    provider: Word
    model: Word
    prompt_tokens: Count = 0
    completion_tokens: Count = 0
    total_tokens: Count | None = None
    cost_microusd: Count | None = None


class SDKToolCallRequest(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A tool that was called."""

    tool_name: Word
    input: Raw = NOTHING
    output: Raw = NOTHING
    duration_ms: Count | None = None
    status: Annotated[str, Meta(max_length=64)] | None = None


class SDKOutputRequest(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A named result; its name is `output_key` or `key`."""

    value: Raw
    output_key: Key256 | UnsetType = UNSET
    key: Key256 | UnsetType = UNSET
    schema: Raw = NOTHING


class SDKCompleteRequest(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What came of the run."""

    result: Raw = NOTHING


class SDKFailRequest(msgspec.Struct, kw_only=True):
    """Why the run fails."""

    printed: ClassVar = ("error",)
    error: Text


class SDKSetStateRequest(msgspec.Struct, kw_only=True):
    """A value to keep with the run."""

    key: Key256
    value: Raw


class SDKStreamChunkRequest(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A piece of output for whoever follows; `done` ends its stream."""

    printed: ClassVar = ("chunk",)
    chunk: str
    stream_id: Key256 = "default"
    done: bool = False
