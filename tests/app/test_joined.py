"""Replies leave in one piece."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest
import uvicorn
from uvicorn.server import ServerState

from runyard.app.joined import AT_ONCE, Joined, Protocol
from runyard.streams.asgi import Header, Message, Receive, Scope, Send

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

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writelines([data])

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


async def answered(head: Message, *bodies: Message, method: str = "GET", more: str = "") -> bytes:
    """What goes over the line when an app sends these messages."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(head)
        for body in bodies:
            await send(body)

    config = uvicorn.Config(app, http=Protocol, log_config=None, access_log=False)
    config.load()
    line = Line()
    protocol = Protocol(config, ServerState(), {}, asyncio.get_running_loop())
    protocol.connection_made(line)
    protocol.data_received(f"{method} / HTTP/1.1\r\nHost: here\r\n{more}\r\n".encode())
    await asyncio.gather(*protocol.tasks)
    await asyncio.sleep(0)
    protocol.connection_lost(ConnectionResetError())
    return b"".join(b"".join(pieces) for pieces in line.sent)


def start(status: int, *headers: Header) -> Message:
    """The head of a reply."""
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def body(content: bytes, *, more: bool = False) -> Message:
    """The body of a reply, or some of it."""
    return {"type": "http.response.body", "body": content, "more_body": more}


LONG = (b"content-length", b"5")


async def test_a_usual_reply_is_what_was_said() -> None:
    text = await answered(start(200, (b"content-type", b"text/plain"), LONG), body(b"hello"))
    assert text == b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nhello"


@pytest.mark.parametrize("status", [204, 304])
async def test_a_reply_without_body_ends_with_its_head(status: int) -> None:
    text = await answered(start(status, (b"x", b"y")), body(b""))
    assert text.endswith(b"\r\nx: y\r\n\r\n")
    assert b"transfer-encoding" not in text


async def test_a_reply_in_pieces_is_whole() -> None:
    assert (await answered(start(200, LONG), body(b"he", more=True), body(b"llo"))).endswith(b"\r\n\r\nhello")


async def test_a_reply_of_unknown_length_goes_out_in_chunks() -> None:
    text = await answered(start(200), body(b"hello", more=True), body(b""))
    assert text.endswith(b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")


@pytest.mark.parametrize("content", [b"", b"hello"])
async def test_the_head_alone_answers_a_request_for_it(content: bytes) -> None:
    assert (await answered(start(200, LONG), body(content), method="HEAD")).endswith(b"content-length: 5\r\n\r\n")


async def test_who_wants_no_more_is_told_goodbye() -> None:
    text = await answered(start(200, LONG), body(b"hello"), more="Connection: close\r\n")
    assert b"connection: close\r\n" in text


async def test_a_body_that_is_not_as_long_as_said_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    assert b"hell0" not in await answered(start(200, LONG), body(b"hell0 there"))
    assert "Content-Length" in caplog.text


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: b", b"a\nb", b"a\0b"])
async def test_no_header_smuggles_another_in(value: bytes, caplog: pytest.LogCaptureFixture) -> None:
    assert value not in await answered(start(200, LONG, (b"x", value)), body(b"hello"))
    assert "control character" in caplog.text
