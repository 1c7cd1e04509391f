"""Channels: where those talk who work together. Pure."""

from __future__ import annotations

import re

import msgspec

from runyard.domain.errors import Invalid
from runyard.domain.records import Json

KINDS = ("status", "request", "reply", "blocker", "handoff", "result", "review_request")
"""What a message may be."""
OWN = "coord-run-"
"""What the name of a run's own channel begins with; the digits of its id follow."""
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}").fullmatch


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """A channel of a workspace, or of none."""

    project_id: int
    name: str
    workspace_id: str | None
    display_name: str | None
    purpose: str | None
    created_at: int
    active_at: int | None
    """When something was last said in it."""
    messages: int
    """How many messages were said in it."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody said in a channel, numbered from 1 on in each."""

    id: str
    project_id: int
    channel: str
    kind: str
    sender: str
    """The session that said it."""
    recipient: str | None
    """The session that it is for alone; None for all."""
    reply_to: str | None
    """The id of the message that it answers."""
    body: Json
    """`{"body": …, "metadata": {…}}`."""
    at: int
    number: int
    key: str | None
    """Under which its sender may send it again without its being said twice."""


def named(name: str) -> str:
    """The name, if it can be a channel's. Raises `Invalid`."""
    if _NAME(name) is None:
        raise Invalid("a channel's name has 1 to 64 of a-z, 0-9, _ and -, and begins with a letter or digit")
    return name
