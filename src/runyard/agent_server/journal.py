"""What happens, told twice: to the log, where chunks are one message, and live, as it is (contract §5.3 to §5.6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from runyard.agent_server.clock import Clock, Ids, stamp

Take = Callable[[dict[str, Any]], None]
CHUNK = "agent_message_chunk"


class Journal:
    """The story of a run."""

    def __init__(self, *, write: Take, emit: Take, clock: Clock, ids: Ids) -> None:
        self._write = write
        self._emit = emit
        self._clock = clock
        self._ids = ids
        self._chunks: list[str] = []
        self._session = ""
        self._first_id = self._last_id = ""
        self.parts: list[str] = []
        """What the agent has said in its turn, message by message."""

    def emit(self, event: dict[str, Any]) -> None:
        """Tell something live only."""
        self._emit(event)

    def note(self, method: str, params: dict[str, Any], *, live: bool = True) -> None:
        """Tell of something that is no update of the agent's."""
        self.settle()
        entry = self._envelope(method, params, self._ids())
        if live:
            self._emit(entry)
        self._write(entry)

    def console(self, session: str, level: str, message: str) -> None:
        """Say something to who reads along."""
        self.note("_posthog/console", {"sessionId": session, "level": level, "message": message})

    def update(self, params: dict[str, Any]) -> None:
        """Tell of a `session/update` of the agent."""
        update = params.get("update")
        kind = update.get("sessionUpdate") if isinstance(update, dict) else None
        content = update.get("content") if isinstance(update, dict) else None
        entry = self._envelope("session/update", params, self._ids())
        if kind == CHUNK and isinstance(content, dict):
            self._emit(entry)
            if content.get("type") == "text" and isinstance(content.get("text"), str):
                self._gather(str(params.get("sessionId") or ""), content["text"], entry["event_id"])
            else:
                # A picture: the log takes no chunks, and it is a message of its own.
                self.settle()
                self._write(self._message(str(params.get("sessionId") or ""), content, entry["event_id"], None))
            return
        self.settle()
        self._emit(entry)
        self._write(entry)

    def settle(self) -> None:
        """Take it that the message the agent was at is whole."""
        if not self._chunks:
            return
        text = "".join(self._chunks)
        self._chunks = []
        self.parts.append(text)
        self._write(self._message(self._session, {"type": "text", "text": text}, self._last_id, self._first_id))

    def turn(self) -> None:
        """Begin a turn: what was said before is another answer."""
        self.settle()
        self.parts = []

    def _gather(self, session: str, text: str, event_id: str) -> None:
        if not self._chunks:
            self._first_id = event_id
        self._session = session
        self._chunks.append(text)
        self._last_id = event_id

    def _message(self, session: str, content: dict[str, Any], event_id: str, first: str | None) -> dict[str, Any]:
        update = {"sessionUpdate": "agent_message", "content": content}
        entry = self._envelope("session/update", {"sessionId": session, "update": update}, event_id)
        return entry if first is None else {**entry, "first_event_id": first}

    def _envelope(self, method: str, params: dict[str, Any], event_id: str) -> dict[str, Any]:
        return {
            "type": "notification",
            "timestamp": stamp(self._clock.now()),
            "event_id": event_id,
            "notification": {"jsonrpc": "2.0", "method": method, "params": params},
        }
