"""Channels, and what is said in them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from runyard.sdk.models.model import Model


class Channel(Model, frozen=True, kw_only=True):
    """Where those talk who work together."""

    name: str
    workspace_id: str | None = None
    display_name: str | None = None
    purpose: str | None = None
    messages: int = 0
    created_at: datetime | None = None
    active_at: datetime | None = None


class SeenChannel(Model, frozen=True, kw_only=True):
    """A channel as a session sees it; `run_id` where it is the own channel of a run."""

    name: str
    workspace_id: str | None = None
    display_name: str | None = None
    purpose: str | None = None
    active_at: datetime | None = None
    task_id: str | None = None
    run_id: str | None = None


class Message(Model, frozen=True, kw_only=True):
    """What somebody said in a channel."""

    id: str
    channel: str
    number: int
    kind: str
    sender_id: str
    recipient_id: str | None = None
    reply_to: str | None = None
    body: Any = None
    metadata: Any = None
    at: datetime | None = None


class Received(Model, frozen=True, kw_only=True):
    """What others said, in order."""

    messages: list[Message]
