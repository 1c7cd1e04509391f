"""What may be said of bridges, subscriptions, agents by name and messages, by the names of the API."""

from __future__ import annotations

from typing import Any, Literal, Required, TypedDict

Via = Literal["webhook", "apprise"]
DeliveryMode = Literal["direct-send", "reply"]
MessageKind = Literal["status", "request", "reply", "blocker", "handoff", "result", "review_request"]


class BridgeChanges(TypedDict, total=False):
    """What may change of a bridge."""

    name: str
    url: str
    signing_secret: str
    suppressed: bool
    config: dict[str, Any] | None


class BridgeFields(TypedDict, total=False):
    """What a bridge may be made with, besides its name."""

    via: Via
    url: str | None
    signing_secret: str | None
    platform: str | None
    workspace_id: str | None
    enabled: bool
    suppressed: bool
    config: dict[str, Any] | None


class SubscriptionFields(TypedDict, total=False):
    """Who is told over a bridge: a peer or a group, and where there, a thread."""

    bridge_id: Required[str]
    name: str | None
    delivery_mode: DeliveryMode
    peer_id: str | None
    group_id: str | None
    thread_id: str | None


class PersonaFields(TypedDict, total=False):
    """What an agent is."""

    provider: str
    command: str
    model: str
    reasoning_effort: str
    tools: list[str]
    toolsets: list[str]
    deny_tools: list[str]
    permissions: str
    category: list[str]
    disabled_skills: list[str]
    capabilities: list[str]
    prompt: str


class MessageFields(TypedDict, total=False):
    """What a session says: in a channel, or as an answer to a message, where that was said."""

    kind: Required[MessageKind]
    channel: str | None
    body: Any
    metadata: Any
    reply_to: str | None
