"""Replies leave in one piece."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from runyard.app.joined import AT_ONCE, Joined

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """The loop the server runs on is one of asyncio's."""
    return "asyncio"


class Line(asyncio.Transport):
    """A connection that notes what it is given to send at once."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[list[bytes]] = []
        self.is_closed = False

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.sent.append([bytes(one) for one in list_of_data])

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True


async def test_the_head_and_the_body_of_a_reply_leave_together() -> None:
    line = Line()
    joined = Joined(line, asyncio.get_running_loop())
    joined.write(b"head")
    joined.write(b"body")
    assert line.sent == []
    await asyncio.sleep(0)
    joined.write(b"the next head")
    await asyncio.sleep(0)
    assert line.sent == [[b"head", b"body"], [b"the next head"]]


async def test_much_does_not_wait() -> None:
    line = Line()
    joined = Joined(line, asyncio.get_running_loop())
    joined.write(b"head")
    joined.write(b"." * AT_ONCE)
    assert [len(pieces) for pieces in line.sent] == [2]
    await asyncio.sleep(0)
    assert len(line.sent) == 1


async def test_what_was_written_is_sent_before_the_end_and_nothing_behind_it() -> None:
    line = Line()
    joined = Joined(line, asyncio.get_running_loop())
    joined.write(b"last words")
    joined.close()
    joined.write(b"too late")
    await asyncio.sleep(0)
    assert line.sent == [[b"last words"]]
    assert joined.is_closing()
