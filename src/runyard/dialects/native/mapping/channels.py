"""Channels, and what is said in them."""

from __future__ import annotations

import msgspec
from msgspec import Raw

from runyard.dialects.native.mapping.values import NULL, lenient_id, maybe_when, when
from runyard.dialects.native.wire import channels as wire
from runyard.domain import channels as domain
from runyard.domain.errors import Invalid
from runyard.engine.channels import NewMessage, Seen


class _Kept(msgspec.Struct):
    body: Raw = NULL
    metadata: Raw = NULL


_kept = msgspec.json.Decoder(_Kept).decode


def channel_out(channel: domain.Channel) -> wire.Channel:
    """A channel."""
    return wire.Channel(
        name=channel.name,
        workspace_id=channel.workspace_id,
        display_name=channel.display_name,
        purpose=channel.purpose,
        messages=channel.messages,
        created_at=when(channel.created_at),
        active_at=maybe_when(channel.active_at),
    )


def seen_out(seen: Seen) -> wire.SeenChannel:
    """A channel as a session sees it."""
    channel = seen.channel
    return wire.SeenChannel(
        name=seen.name,
        workspace_id=seen.workspace_id,
        display_name=channel.display_name if channel is not None else None,
        purpose=channel.purpose if channel is not None else None,
        active_at=maybe_when(channel.active_at) if channel is not None else None,
        task_id=seen.task_id,
        run_id=seen.run_id,
    )


def message_in(data: wire.MessageIn) -> NewMessage:
    """Something to say. Raises `Invalid` unless it is said in a channel or answers something, one of both."""
    if (data.channel is None) == (data.reply_to is None):
        raise Invalid("say where it is said by `channel`, or what it answers by `reply_to`, one of both")
    body = b'{"body":%b,"metadata":%b}' % (bytes(data.body) or b"null", bytes(data.metadata) or b"null")
    reply_to = lenient_id(data.reply_to) if data.reply_to is not None else None
    return NewMessage(kind=data.kind, body=body.decode(), reply_to=reply_to)


def message_out(message: domain.Message) -> wire.Message:
    """What somebody said."""
    kept = _kept(message.body)
    kind: wire.Kind = message.kind  # type: ignore[assignment]
    return wire.Message(
        id=message.id,
        channel=message.channel,
        number=message.number,
        kind=kind,
        sender_id=message.sender,
        recipient_id=message.recipient,
        reply_to=message.reply_to,
        body=kept.body,
        metadata=kept.metadata,
        at=when(message.at),
    )
