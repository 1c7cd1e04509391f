"""What a run before this one left in its log, so that its conversation can go on (contract §10.5)."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

MAX_TRANSCRIPT = 60_000
"""Characters of the old conversation that are told to an agent that does not remember it; the end of it counts."""
MAX_PART = 4_000


class Past(Struct, frozen=True, kw_only=True):
    """A conversation as its log tells it."""

    session_id: str | None = None
    transcript: str = ""


def past(content: bytes) -> Past:
    """The conversation in JSON lines; lines that are none are skipped."""
    session: str | None = None
    parts: list[str] = []
    for line in content.splitlines():
        try:
            entry = msgspec.json.decode(line, type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError):
            continue
        notification = entry.get("notification")
        if not isinstance(notification, dict) or not isinstance(notification.get("params"), dict):
            continue
        params = notification["params"]
        # The prefix may be doubled (contract §5.6).
        method = str(notification.get("method") or "").replace("__posthog/", "_posthog/")
        if method == "_posthog/sdk_session" and isinstance(params.get("sessionId"), str):
            session = params["sessionId"]
        elif (
            method == "session/update" and isinstance(params.get("update"), dict) and (told := _told(params["update"]))
        ):
            parts.append(told)
    return Past(session_id=session, transcript=_last(parts))


def prompt(known: Past, message: str) -> str:
    """What an agent is told that does not remember the conversation."""
    if not known.transcript:
        return message
    return (
        "You are resuming an earlier conversation, which went as follows. What it did to the files may be there, or "
        f"not: look before you go on.\n\n<conversation>\n{known.transcript}\n</conversation>\n\n{message}"
    )


def _told(update: dict[str, Any]) -> str:
    content = update.get("content")
    text = str(content.get("text") or "") if isinstance(content, dict) else ""
    match update.get("sessionUpdate"):
        case "user_message" | "user_message_chunk" if text:
            return f"User: {_short(text)}"
        case "agent_message" if text:
            return f"Agent: {_short(text)}"
        case "tool_call":
            return f"Tool: {_short(str(update.get('title') or update.get('kind') or 'something'))}"
    return ""


def _short(text: str) -> str:
    return text if len(text) <= MAX_PART else f"{text[:MAX_PART]} […]"


def _last(parts: list[str]) -> str:
    kept: list[str] = []
    size = 0
    for part in reversed(parts):
        size += len(part) + 2
        if size > MAX_TRANSCRIPT:
            kept.append("[…]")
            break
        kept.append(part)
    return "\n\n".join(reversed(kept))
