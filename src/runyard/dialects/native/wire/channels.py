"""Channels, and what is said in them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw

from runyard.dialects.native.wire.values import NOTHING

ChannelName = Annotated[str, Meta(min_length=1, max_length=64)]
Kind = Literal["status", "request", "reply", "blocker", "handoff", "result", "review_request"]
Id = Annotated[str, Meta(min_length=1, max_length=128)]


class ChannelIn(msgspec.Struct, kw_only=True):
    """A channel to make, or to say what it is for."""

    name: ChannelName
    workspace_id: Id | None = None
    display_name: Annotated[str, Meta(max_length=128)] | None = None
    purpose: Annotated[str, Meta(max_length=1024)] | None = None


class Channel(msgspec.Struct, kw_only=True):
    """Where those talk who work together."""

    name: str
    workspace_id: str | None
    display_name: str | None
    purpose: str | None
    messages: int
    created_at: datetime
    active_at: datetime | None


class SeenChannel(msgspec.Struct, kw_only=True):
    """A channel as a session sees it."""

    name: str
    workspace_id: str | None
    display_name: str | None
    purpose: str | None
    active_at: datetime | None
    task_id: str | None
    """The task whose run is talked about, where it is a run's own channel."""
    run_id: str | None


class SeenChannels(msgspec.Struct, kw_only=True):
    """The channels a session sees, by name."""

    data: list[SeenChannel]


class MessageIn(msgspec.Struct, kw_only=True):
    """Something to say, in a channel or as an answer."""

    kind: Kind
    channel: ChannelName | None = None
    """Where it is said; an answer is said where what it answers was."""
    body: Raw = NOTHING
    metadata: Raw = NOTHING
    reply_to: Id | None = None
    """The message that it answers; it is for who said that alone."""


class Message(msgspec.Struct, kw_only=True):
    """What somebody said."""

    id: str
    channel: str
    number: int
    kind: Kind
    sender_id: str
    recipient_id: str | None
    reply_to: str | None
    body: Raw
    metadata: Raw
    at: datetime


class ReceiveIn(msgspec.Struct, kw_only=True):
    """What the session wants to hear."""

    channel: ChannelName
    after: Annotated[int, Meta(ge=0, le=2**53)] | None = None
    """The number of a message; what it has not read where none is named."""
    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    wait_seconds: Annotated[float, Meta(ge=0, le=60)] = 0


class Received(msgspec.Struct, kw_only=True):
    """What others said, in order; from now on the session has read it."""

    messages: list[Message]
