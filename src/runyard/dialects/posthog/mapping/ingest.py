"""Lines that sandboxes send, and what is said to them (contract §9.9)."""

from __future__ import annotations

import msgspec

from runyard.dialects.posthog.wire.streams import IngestLine
from runyard.engine.coding.ingesting import Numbered
from runyard.web import envelopes

COMPLETE = "_posthog/stream_complete"
MAX_LINE, MAX_BODY, MAX_EVENTS = 1_000_000, 5_000_000, 1000
BATCH = 100
_line = msgspec.json.Decoder(IngestLine).decode


class Wrong(Exception):
    """The line or the body is not as it must be; nothing from here on is taken."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail


class End(msgspec.Struct, frozen=True):
    """The last line: the number of the last event."""

    final: int


def line_in(raw: bytes) -> Numbered | End:
    """One line. Raises `Wrong`."""
    if len(raw) > MAX_LINE:
        raise Wrong(413, "line_too_large", f"a line has {len(raw)} bytes; at most {MAX_LINE} are taken")
    try:
        return _read(raw)
    except msgspec.ValidationError as error:
        raise Wrong(400, "invalid_line", f"a line is {{seq, event}} or the end: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Wrong(400, "invalid_line", f"a line is not JSON: {error}") from None


def _read(raw: bytes) -> Numbered | End:
    try:
        said = _line(raw)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        # Half a character is no reason to lose an event.
        said = _line(envelopes.mended(raw))
    if said.seq is None and said.type == COMPLETE:
        if said.final_seq is None or said.final_seq < 0:
            raise Wrong(400, "invalid_line", "the end needs `final_seq`, the number of the last event or 0")
        return End(said.final_seq)
    if said.seq is None or said.seq < 1 or bytes(said.event)[:1] != b"{":
        raise Wrong(400, "invalid_line", "a line needs `seq`, a number from 1 on, and `event`, an object")
    return Numbered(number=said.seq, event=envelopes.event(said.event))
