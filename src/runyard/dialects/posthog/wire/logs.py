"""Log entries as the dialect takes and shows them (contract §5)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw


class AppendLogRequest(msgspec.Struct, kw_only=True):
    """Entries for a run's log, in their order; any objects are taken."""

    entries: Annotated[list[dict[str, Any]], Meta(min_length=1)]


class Entries(msgspec.Struct):
    """The same without a look into the entries; what is missing or no list is told apart from what is."""

    entries: Raw = Raw()


class Notification(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What happened, as JSON-RPC tells it."""

    jsonrpc: Literal["2.0"]
    method: str
    params: dict[str, Any] = {}


class LogEntry(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The envelope that agents and this server write; other objects are kept as they came."""

    type: Literal["notification"]
    timestamp: str
    notification: Notification
    event_id: str = ""
    first_event_id: str = ""


class ConsoleParams(msgspec.Struct, kw_only=True):
    """A line of text by the server, or by somebody who writes lines of text."""

    session_id: str = msgspec.field(name="sessionId")
    level: str
    message: str


class ConsoleNotification(msgspec.Struct, kw_only=True):
    """The notification around it."""

    params: ConsoleParams
    jsonrpc: str = "2.0"
    method: str = "_posthog/console"


class ConsoleEntry(msgspec.Struct, kw_only=True):
    """The envelope around that."""

    timestamp: str
    notification: ConsoleNotification
    type: str = "notification"
