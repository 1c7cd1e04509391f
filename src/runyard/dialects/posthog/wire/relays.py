"""Messages for chat threads (contract §8)."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Text = Annotated[str, Meta(max_length=10_000)]


class RelayMessageRequest(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What an agent says; of several parts the last is relayed."""

    text: Annotated[str, Meta(min_length=1, max_length=10_000)]
    text_parts: list[Text] | None = None
    message_id: Annotated[str, Meta(max_length=128)] | None = None
    trace_id: str | None = None


class RelayMessageResponse(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Whether anybody will hear it."""

    status: Literal["accepted", "skipped"]
    relay_id: str = ""
