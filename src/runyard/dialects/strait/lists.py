"""Lists as this dialect answers them: bare with `X-Next-Cursor`, or in an envelope on request (contract §23)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET

from runyard.dialects.strait.wire import Paginated
from runyard.streams.asgi import Header
from runyard.web.call import Call
from runyard.web.reply import Reply

ENVELOPE = "X-List-Envelope"


def bare(call: Call, rows: Sequence[Any], next_cursor: str | None) -> Reply[Any]:
    """A list of the seed: an array, or the envelope for who asks for it by header."""
    if call.header(ENVELOPE) in {"1", "true"}:
        return enveloped(rows, next_cursor)
    return Reply([*rows], headers=_headers(next_cursor))


def enveloped(rows: Sequence[Any], next_cursor: str | None) -> Reply[Any]:
    """A list beyond the seed: always in its envelope."""
    page: Paginated[Any] = Paginated(
        data=[*rows], has_more=next_cursor is not None, next_cursor=UNSET if next_cursor is None else next_cursor
    )
    return Reply(page, headers=_headers(next_cursor))


def _headers(next_cursor: str | None) -> list[Header]:
    return [] if next_cursor is None else [(b"x-next-cursor", next_cursor.encode("ascii"))]
