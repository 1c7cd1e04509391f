"""Shapes of channels in which sessions talk (contract §28). Fields with a default are left out where they have it."""

from __future__ import annotations

import msgspec
from msgspec import Raw

from runyard.dialects.agh.wire.runs import Channel


class Metadata(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a message is about."""

    task_id: str = ""
    run_id: str = ""
    workflow_id: str = ""
    channel_id: str = ""
    message_kind: str = ""
    correlation_id: str = ""
    ext: dict[str, Raw] = {}


class SendRequest(msgspec.Struct, kw_only=True):
    """Something to say in a channel."""

    body: Raw = Raw()
    metadata: Metadata = msgspec.field(default_factory=Metadata)
    idempotency_key: str = ""


class ReplyRequest(msgspec.Struct, kw_only=True):
    """An answer to a message; about the same as that where nothing else is said."""

    reply_to_message_id: str = ""
    body: Raw = Raw()
    metadata: Metadata | None = None
    idempotency_key: str = ""


class Message(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What somebody said."""

    message_id: str
    channel_id: str
    from_session_id: str
    body: Raw
    metadata: Metadata
    timestamp: str
    to_session_id: str = ""
    reply_to_message_id: str = ""


class MessageAnswer(msgspec.Struct, kw_only=True):
    """What was said."""

    message: Message


class MessagesAnswer(msgspec.Struct, kw_only=True):
    """What others said."""

    messages: list[Message]


class ChannelsAnswer(msgspec.Struct, kw_only=True):
    """Channels the session sees."""

    channels: list[Channel]
