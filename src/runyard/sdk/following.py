"""Following a stream: what to ask for, what each frame means, and what to do when the connection breaks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Generic, TypeVar

import msgspec

from runyard.sdk.call import query
from runyard.sdk.errors import BadReply, RunyardError
from runyard.sdk.exchange import Patience, Request, Server
from runyard.sdk.models import Done, Event, LogEntry, Resync

E = TypeVar("E")
Item = Event | LogEntry | Done | Resync
"""What the streams of runs bring."""

# The server pings every 15 s, so silence for three times as long means that the connection is dead.
SILENCE_SECONDS = 45.0

_entry = msgspec.json.Decoder(LogEntry)
_done = msgspec.json.Decoder(Done)


class Follower(Generic[E]):
    """The place one reader has reached in one stream, whose lines are of one kind."""

    def __init__(self, path: str, kind: type[E], server: Server, patience: Patience, *, after: int | None = None):
        self._path = path
        self._line = msgspec.json.Decoder(kind)
        self._server = server
        # Where to begin; once a frame has come, its place counts. A beginning of 0 is not the same as none.
        self._query = query(after=after)
        self._patience = replace(patience, retries=max(patience.retries, 20) if patience.retries else 0)
        self._failures = 0
        self._place = ""
        self._ended = False

    def has_ended(self) -> bool:
        """Whether the stream has said that nothing will follow."""
        return self._ended

    def request(self) -> Request:
        """What to ask for now: what follows the last frame seen."""
        headers = {**self._server.headers, "Accept": "text/event-stream", "Cache-Control": "no-store"}
        if self._place:
            headers["Last-Event-ID"] = self._place
        return Request(
            method="GET",
            url=self._server.url + "/runyard/v1" + self._path,
            headers=headers,
            query=self._query,
            timeout=SILENCE_SECONDS,
        )

    def take(self, kind: str, data: str, place: str) -> E | LogEntry | Done | Resync | None:
        """The item a frame holds, if any. Raises `BadReply` when it makes no sense."""
        self._failures = 0
        try:
            item = _item(kind, data, self._line)
        except (msgspec.MsgspecError, UnicodeError) as error:
            raise BadReply(f"the stream {self._path} has a frame {kind!r} of unknown shape: {error}") from error
        if place:
            self._place = place
        self._ended = isinstance(item, Done)
        return item

    def after_break(self, error: RunyardError | None) -> float:
        """The seconds to wait before connecting again; no error: the server closed. Raises an error that stays."""
        if error is None:
            error = RunyardError("The server keeps closing the stream.", retryable=True)
        delay = self._patience.after(error, self._failures)
        if delay is None:
            raise error
        self._failures += 1
        return delay


def _item(kind: str, data: str, line: msgspec.json.Decoder[E]) -> E | LogEntry | Done | Resync | None:
    if kind == "done":
        return _done.decode(data)
    if kind == "log":
        return _entry.decode(data)
    if kind == "resync":
        return Resync(data=_json(data))
    return line.decode(data) if data else None


def _json(text: str) -> Any:
    return msgspec.json.decode(text) if text else None
