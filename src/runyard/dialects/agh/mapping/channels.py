"""Channels on the wire (contract §7, §28). Pure."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw

from runyard.dialects.agh.mapping.runs import HIDDEN, KINDS
from runyard.dialects.agh.mapping.values import instant, read, shown, shown_if, trimmed
from runyard.dialects.agh.wire import channels as wire
from runyard.dialects.agh.wire.runs import Channel
from runyard.domain.canonical import decoded
from runyard.domain.channels import Message
from runyard.domain.errors import Invalid, NotFound
from runyard.engine.channels import NewMessage, Seen

_CLAIM = "agh_claim_"
_json = msgspec.json.Encoder().encode


class _Kept(msgspec.Struct):
    """A message as it is kept."""

    body: Raw = Raw(b"null")
    metadata: wire.Metadata = msgspec.field(default_factory=wire.Metadata)


_kept = msgspec.json.Decoder(_Kept).decode


def message_in(channel: str, data: wire.SendRequest) -> NewMessage:
    """Something to say. Raises `Invalid` for what says not what it is about, and for secrets."""
    said = data.metadata
    kind = said.message_kind.strip().lower()
    for name in ("task_id", "run_id", "correlation_id"):
        if not getattr(said, name).strip():
            raise Invalid(f"`metadata.{name}` must say what the message is about")
    if said.channel_id.strip() not in ("", channel):
        raise Invalid("`metadata.channel_id` must be the channel of the path")
    _check_ids(said)
    said = msgspec.structs.replace(said, channel_id=channel, message_kind=kind)
    return NewMessage(kind=kind, body=_packed(data.body, said), key=trimmed(data.idempotency_key))


def reply_in(before: Message, data: wire.ReplyRequest) -> NewMessage:
    """An answer. Raises `Invalid`."""
    said = data.metadata
    if said is None or said == wire.Metadata():
        said = _kept(before.body).metadata
    elif said.message_kind.strip().lower() != "reply":
        raise Invalid("`metadata.message_kind` of an answer must be reply")
    _check_ids(said)
    said = msgspec.structs.replace(said, channel_id=before.channel, message_kind="reply")
    return NewMessage(kind="reply", body=_packed(data.body, said), key=trimmed(data.idempotency_key))


def message_out(message: Message) -> wire.Message:
    """What somebody said."""
    kept = _kept(message.body)
    said = msgspec.structs.replace(kept.metadata, channel_id=message.channel, message_kind=message.kind)
    return wire.Message(
        message_id=shown("msg", message.id),
        channel_id=message.channel,
        from_session_id=shown("sess", message.sender),
        to_session_id=shown_if("sess", message.recipient),
        reply_to_message_id=shown_if("msg", message.reply_to),
        body=kept.body,
        metadata=said,
        timestamp=instant(message.at),
    )


def channel_out(seen: Seen) -> Channel:
    """A channel, as a session sees it."""
    channel = seen.channel
    return Channel(
        id=seen.name,
        channel=seen.name,
        display_name=(channel.display_name if channel is not None else None) or seen.name,
        allowed_message_kinds=KINDS,
        purpose=(channel.purpose if channel is not None else None) or "",
        workspace_id=shown_if("ws", seen.workspace_id),
        task_id=shown_if("task", seen.task_id),
        run_id=shown_if("run", seen.run_id),
        last_activity_at=instant(channel.active_at) if channel is not None else "",
    )


def message_id(text: str) -> str:
    """The id of a message. Raises `NotFound`."""
    return read("msg", text)


def _check_ids(said: wire.Metadata) -> None:
    """Raise `Invalid` for a run that cannot be one; a task may have any name."""
    if said.run_id.strip():
        try:
            read("run", said.run_id)
        except NotFound:
            raise Invalid(f"`metadata.run_id` is no run: {said.run_id[:64]!r}") from None


def _packed(body: Raw, said: wire.Metadata) -> str:
    text = bytes(body).decode() or "null"
    packed = b'{"body":%b,"metadata":%b}' % (text.encode(), _json(said))
    if _CLAIM in text or (HIDDEN in text.lower() and _names_a_token(decoded(text))) or _hides(said):
        raise Invalid("a message holds no claim tokens; leave them out")
    return packed.decode()


def _hides(said: wire.Metadata) -> bool:
    text = _json(said).decode()
    return _CLAIM in text or (HIDDEN in text.lower() and _names_a_token(decoded(text)))


def _names_a_token(value: Any) -> bool:
    if isinstance(value, dict):
        return any(name.strip().lower() == HIDDEN or _names_a_token(one) for name, one in value.items())
    return any(_names_a_token(one) for one in value) if isinstance(value, list) else False
