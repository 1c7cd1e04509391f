"""Streams of events taken apart."""

from __future__ import annotations

import pytest

from runyard.loops.sandboxes import events
from runyard.loops.sandboxes.events import Frames

STREAM = b': open\n\nid: 1\ndata: {"a":\ndata:1}\n\nevent: x\n\ndata: {}\n\ndata: rest'


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_events_are_the_same_however_they_come(size: int, end: bytes) -> None:
    stream, frames = STREAM.replace(b"\n", end), Frames()
    found = [one for at in range(0, len(stream), size) for one in frames.feed(stream[at : at + size])]
    assert found == [b'{"a":\n1}', b"{}"]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_an_event_that_is_too_long_is_dropped_and_the_next_is_not(end: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "LONGEST", 20)
    frames = Frames()
    long = [b"data: " + b"x" * 30 + end + b"data: more" + end + end, b"data: ", b"x" * 15, b"x" * 15, end, end]
    found = [one for piece in (*long, b"data: {}" + end + end) for one in frames.feed(piece)]
    assert found == [b"{}"]
