"""Frames of event streams (contract §9)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from runyard.dialects.posthog.mapping.logs import line_out
from runyard.dialects.posthog.mapping.runs import error_message
from runyard.dialects.posthog.mapping.values import STATUS, instant_or_none
from runyard.dialects.posthog.wire.streams import Keepalive, RunStateEvent, StreamEnd, StreamError
from runyard.domain.errors import DomainError, Invalid
from runyard.domain.states import RunState
from runyard.engine.coding.news import RunNews
from runyard.engine.coding.streaming import Told
from runyard.streams.feed import Frame
from runyard.streams.sse import MAX_SEQ, frame
from runyard.web.entries import instant
from runyard.web.reply import encode

KEEPALIVE = frame(encode(Keepalive()), event="keepalive")
END = frame(encode(StreamEnd()), event="stream-end")
_ID = re.compile(r"([0-9]{1,15})(?:-([0-9]{1,19}))?").fullmatch


def frames(told: Sequence[Told], run_id: str) -> list[Frame]:
    """What a follower is told, as frames."""
    return [(one.seq, framed(_data(one, run_id), one.at, one.seq)) for one in told]


def framed(data: bytes, at: int, seq: int) -> bytes:
    """One event: `id` has the time in milliseconds and the number, and there is no `event` line (contract §9.1)."""
    return b"id: %d-%d\n%b" % (at // 1000, seq, frame(data))


def _data(one: Told, run_id: str) -> bytes:
    if one.state is not None:
        return state(one.state, run_id)
    if one.line is not None:
        return line_out(one.line, run_id)
    return (one.event or "{}").encode()


def state(news: RunNews, run_id: str) -> bytes:
    """How the run stands, as an event."""
    error = bytes(news.error).decode()
    return encode(
        RunStateEvent(
            run_id=run_id,
            task_id=news.task_id,
            status=STATUS[RunState(news.state)],
            stage=news.stage,
            output=news.output,
            branch=news.branch,
            error_message=error_message(None if error == "null" else error),
            updated_at=instant(news.updated_at),
            completed_at=instant_or_none(news.finished_at),
        )
    )


def resumed(header: str | None) -> tuple[int | None, int | None]:
    """(number of the last event seen, or the time before which all was seen) by a `Last-Event-ID`. Raises `Invalid`.

    An id without a number is the beginning of its millisecond.
    """
    text = (header or "").strip()
    if not text:
        return None, None
    match = _ID(text)
    if match is None or int(match[2] or 0) > MAX_SEQ:
        raise Invalid("the Last-Event-ID is not one of this stream; send the `id` of the last event as it was given")
    return (int(match[2]), None) if match[2] is not None else (None, int(match[1]) * 1000)


def trouble(error: DomainError) -> bytes:
    """The last frame of a stream that breaks off."""
    return frame(encode(StreamError(error=error.detail)), event="error")
