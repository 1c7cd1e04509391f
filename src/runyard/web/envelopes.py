"""Entries and events as coding agents write them: JSON objects of any form, and the little of them that we look at.

What an agent writes is kept as it is. Nothing in here refuses an object, whatever it holds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

import msgspec
from msgspec import Raw

from runyard.domain.canonical import decoded
from runyard.engine.coding.ingesting import Pushed
from runyard.engine.coding.logs import WholeLine
from runyard.web.values import EPOCH

UPDATE = "session/update"
CONSOLE = "_posthog/console"
CHUNK = "agent_message_chunk"
ENDS = frozenset({"_posthog/task_complete", "_posthog/error"})
"""After these an agent has nothing more to tell."""
ASKS, SETTLED, USED = "permission_request", "_posthog/permission_resolved", "_posthog/usage_update"
"""Events of which the engine itself takes note: the agent asks leave, was answered, and tells what it used."""
_SIGNS = ("permission_re", "usage_update")
MESSAGES = frozenset({"agent_message", "user_message"})
LEVELS = {"debug": "debug", "info": "info", "warn": "warn", "warning": "warn", "error": "error"}
READABLE = 2000
"""How much of a text those see who read the log as lines of text."""
_MICRO = timedelta(microseconds=1)
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)


class _Update(msgspec.Struct, gc=False):
    kind: str | None = msgspec.field(name="sessionUpdate", default=None)
    content: Raw = Raw()


class _Params(msgspec.Struct, gc=False):
    update: _Update | None = None
    level: Raw = Raw()
    message: Raw = Raw()


class _Notification(msgspec.Struct, gc=False):
    method: str | None = None
    params: _Params | None = None


class _Entry(msgspec.Struct, gc=False):
    type: str | None = None
    timestamp: str | None = None
    notification: _Notification | None = None


class _Content(msgspec.Struct, gc=False):
    text: str | None = None


_entry = msgspec.json.Decoder(_Entry).decode
_content = msgspec.json.Decoder(_Content).decode
_object_in = msgspec.json.Decoder(dict[str, Any]).decode
_NOBODY = _Entry()


def event(raw: bytes | Raw) -> Pushed:
    """An object that was told live.

    Its kind is the kind of update, else the method, else the type of an object that is no envelope.
    """
    said = _read(raw)
    kind, text = _kind(said), line(raw)
    told = Pushed(text=text, kind=kind or said.type or "", ends=_plain(kind) in ENDS)
    # Nearly all are pieces of messages, which are not worth reading again.
    return _noted(told) if any(sign in text for sign in _SIGNS) else told


def _noted(told: Pushed) -> Pushed:
    """The event with what the engine takes note of."""
    try:
        said = _object_in(told.text)
    except (msgspec.DecodeError, RecursionError):
        return told
    if said.get("type") == ASKS:
        return msgspec.structs.replace(told, asks=said)
    notification = _object(said.get("notification"))
    params = _object(notification.get("params"))
    method = f"_{str(notification.get('method')).lstrip('_')}"
    if method == SETTLED:
        return msgspec.structs.replace(told, settles=params)
    if method == USED and isinstance(params.get("used"), dict):
        return msgspec.structs.replace(told, uses=params["used"])
    return told


def entry(raw: bytes | Raw) -> WholeLine | None:
    """An object for the log; None for a piece of a message, which will be there as a whole."""
    said = _read(raw)
    kind = _kind(said)
    if kind == CHUNK:
        return None
    text = line(raw)
    level, message = "info", kind
    if said.notification is not None and said.notification.params is not None:
        params = said.notification.params
        if kind in MESSAGES:
            message = _readable(params.update.content if params.update is not None else Raw()) or kind
        elif _plain(kind) == CONSOLE:
            level = LEVELS.get(_string(params.level).lower(), "info")
            message = _string(params.message)[:READABLE]
    return WholeLine(
        data=text,
        type=kind_of(kind),
        level=level,
        message=message.replace("\0", "\ufffd"),
        at=instant(said.timestamp),
        ends=_plain(kind) in ENDS,
    )


def line(raw: bytes | Raw) -> str:
    """The JSON on one line: a line break in JSON stands between values only."""
    text = str(raw, "utf-8")
    return text if "\n" not in text and "\r" not in text else text.replace("\r", " ").replace("\n", " ")


def kind_of(text: str) -> str:
    """The kind as it is kept: short, and other for every other text."""
    if len(text) > 128:
        text = f"{text[:100]}…{blake2b(text.encode(), digest_size=12).hexdigest()}"
    return text.replace("\0", "\ufffd")


def mended(body: bytes) -> bytes:
    """JSON without halves of characters (`\\ud83d` alone): clients that cut a text write them."""
    return _ESCAPE.sub(lambda match: b"\\ufffd" if match[1] else match[0], body)


def instant(text: str | None) -> int | None:
    """A time in microseconds, None for what is none; one without offset is UTC."""
    if not text:
        return None
    try:
        time = datetime.fromisoformat(text)
        return ((time if time.tzinfo is not None else time.replace(tzinfo=UTC)) - EPOCH) // _MICRO
    except (ValueError, OverflowError):
        return None


def _read(raw: bytes | Raw) -> _Entry:
    try:
        return _entry(raw)
    except msgspec.ValidationError:
        return _picked(decoded(str(raw, "utf-8")))


def _picked(found: Any) -> _Entry:
    """What can be read of an object in which something is not what it is elsewhere."""
    if not isinstance(found, dict):
        return _NOBODY
    notification = _object(found.get("notification"))
    params = _object(notification.get("params"))
    update = _object(params.get("update"))
    return _Entry(
        type=_text(found.get("type")),
        timestamp=_text(found.get("timestamp")),
        notification=_Notification(
            method=_text(notification.get("method")),
            params=_Params(
                update=_Update(kind=_text(update.get("sessionUpdate")), content=_raw(update.get("content"))),
                level=_raw(params.get("level")),
                message=_raw(params.get("message")),
            ),
        ),
    )


def _kind(said: _Entry) -> str:
    notification = said.notification
    if notification is None:
        return ""
    method = notification.method or ""
    if method == UPDATE and notification.params is not None and notification.params.update is not None:
        return notification.params.update.kind or method
    return method


def _plain(kind: str) -> str:
    """The method; one more underscore before it means the same (contract §5.6)."""
    return kind[1:] if kind.startswith("__") else kind


def _readable(content: Raw) -> str:
    try:
        return (_content(content).text or "")[:READABLE] if content else ""
    except msgspec.DecodeError:
        return ""


def _string(raw: Raw) -> str:
    try:
        return msgspec.json.decode(raw, type=str) if raw else ""
    except msgspec.DecodeError:
        return bytes(raw).decode()


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _raw(value: Any) -> Raw:
    return Raw() if value is None else Raw(msgspec.json.encode(value))
