"""Event streams over real sockets: they begin, resume, ping, and end when they should."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import pytest
import uvicorn

from runyard.domain.errors import Invalid
from runyard.engine import events
from runyard.storage.port import JournalLine, Tx
from runyard.streams.asgi import App, Message, Receive, Scope, Send
from runyard.streams.feed import Batch, Feeds, Read, seen
from runyard.streams.hub import Hub
from runyard.streams.sse import EventStream, frame, start_after
from tests.support.stores import AnyStore

pytestmark = pytest.mark.anyio


def test_a_frame_is_one_line_of_data() -> None:
    assert frame(b'{"a":1}', event="run.queued", id=7) == b'id: 7\nevent: run.queued\ndata: {"a":1}\n\n'
    assert frame(b'{\r\n"a": 1\n}') == b'data: {  "a": 1 }\n\n'


@pytest.mark.parametrize(
    ("header", "after", "start"), [(None, None, 0), (None, 4, 4), ("9", 4, 9), (" 9 ", None, 9), ("", 3, 3)]
)
def test_the_last_event_id_goes_before_the_parameter(header: str | None, after: int | None, start: int) -> None:
    assert start_after(header, after) == start


@pytest.mark.parametrize("header", ["x", "-1", "1.5", "9" * 30, "٣"])
def test_a_last_event_id_of_another_stream_is_refused(header: str) -> None:
    with pytest.raises(Invalid):
        start_after(header, None)


def emit(tx: Tx, text: str, count: int) -> None:
    """Write events of project 1."""
    for _ in range(count):
        tx.emit(JournalLine(1, None, text, None, '{\n"a": 1}'))


def reader(store: AnyStore) -> Read:
    """Reads the events of project 1 as frames."""

    def look(tx: Tx, after: int, limit: int) -> Batch:
        newest = events.newest_seq(tx)
        found = events.of_project(tx, 1, after=after, limit=limit)
        rows, more = found.rows, found.more is not None
        frames = [(row.seq, frame(row.data.encode(), event=row.type, id=row.seq)) for row in rows]
        ended = bool(rows) and rows[-1].type == "last"
        end = frame(b"{}", event="done") if ended else None
        return Batch(frames=frames, upto=seen(frames, newest=newest, more=more), more=more, end=end)

    async def read(after: int, limit: int) -> Batch:
        return await store.read(look, after, limit)

    return read


def streams(store: AnyStore, feeds: Feeds, ping: float) -> App:
    """An app of nothing but the stream of project 1."""
    store.subscribe(feeds.hub.publish)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        last = dict(scope["headers"]).get(b"last-event-id")
        after = start_after(last.decode() if last else None, None)
        follower = feeds.follow(("project", 1), ("project:1",), reader(store), after=after)
        await EventStream(follower, ping=ping)(scope, receive, send)

    return app


class Served:
    """A server on a free port."""

    def __init__(self, server: uvicorn.Server, feeds: Feeds, url: str) -> None:
        self.server = server
        self.feeds = feeds
        self.url = url

    @contextlib.asynccontextmanager
    async def lines(self, **headers: str) -> AsyncIterator[AsyncIterator[str]]:
        """The stream's lines."""
        async with (
            httpx2.AsyncClient(timeout=10) as client,
            client.stream("GET", self.url, headers=headers) as response,
        ):
            assert response.headers["content-type"].startswith("text/event-stream")
            assert response.headers["x-accel-buffering"] == "no"
            assert response.headers["cache-control"] == "no-cache"
            yield response.aiter_lines()


async def _until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not happened():  # noqa: ASYNC110 (neither the server nor the feeds tell anybody)
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def served(store: AnyStore, *, ping: float = 15.0) -> AsyncIterator[Served]:
    """The stream of project 1 on a free port; on the way out the server stops, and must do so by itself."""
    feeds = Feeds(Hub())
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    app: Any = streams(store, feeds, ping)
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, timeout_graceful_shutdown=5))
    task = asyncio.ensure_future(server.serve(sockets=[listener]))
    await _until(lambda: server.started)
    try:
        yield Served(server, feeds, f"http://127.0.0.1:{listener.getsockname()[1]}/")
    finally:
        server.should_exit = True
        feeds.close()
        async with asyncio.timeout(5):
            await task
        listener.close()


async def events_of(lines: AsyncIterator[str], until: str) -> list[tuple[str, str]]:
    """The (id, event) pairs up to the event named."""
    got: list[tuple[str, str]] = []
    number = ""
    async for line in lines:
        if line.startswith("id: "):
            number = line[4:]
        if line.startswith("event: "):
            got.append((number, line[7:]))
            if line[7:] == until:
                break
    return got


async def test_a_stream_follows_resumes_and_ends(store: AnyStore) -> None:
    async with served(store) as server:
        await store.write(emit, "a", 2)
        async with server.lines() as lines:
            first = await events_of(lines, "a")
            await store.write(emit, "b", 1)
            first += await events_of(lines, "b")
        assert [event for _, event in first] == ["a", "a", "b"]
        await store.write(emit, "c", 1)
        async with server.lines(**{"Last-Event-ID": first[-1][0]}) as lines:
            assert [event for _, event in await events_of(lines, "c")] == ["c"]
            await store.write(emit, "last", 1)
            assert [event for _, event in await events_of(lines, "done")] == ["last", "done"]
            assert [line async for line in lines if line] == ["data: {}"]


async def test_a_quiet_stream_pings(shelf: Any) -> None:
    async with served(shelf.empty("sqlite"), ping=0.02) as server, server.lines() as lines:
        assert [line async for line in _some(lines, 4)] == [": ping", "", ": ping", ""]


async def test_a_client_that_takes_nothing_is_given_up(shelf: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runyard.streams.sse.STUCK_SECONDS", 0.05)
    feeds = Feeds(Hub())
    store = shelf.empty("sqlite")
    await store.write(emit, "a", 1)
    follower = feeds.follow("x", ("project:1",), reader(store), after=0)

    async def receive() -> Message:
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            await asyncio.get_running_loop().create_future()

    async with asyncio.timeout(5):
        await EventStream(follower, ping=0.01)({"type": "http"}, receive, send)
    assert feeds.followers == 0


async def _some(lines: AsyncIterator[str], count: int) -> AsyncIterator[str]:
    async for line in lines:
        yield line
        count -= 1
        if not count:
            return


async def test_a_client_that_leaves_is_forgotten(shelf: Any) -> None:
    async with served(shelf.empty("sqlite")) as server:
        async with server.lines():
            await _until(lambda: server.feeds.followers == 1)
        await _until(lambda: server.feeds.followers == 0)


async def test_a_server_stops_although_clients_follow(shelf: Any) -> None:
    async with contextlib.AsyncExitStack() as clients:
        async with served(shelf.empty("sqlite")) as server:
            lines = [await clients.enter_async_context(server.lines()) for _ in range(5)]
        for remaining in lines:
            assert [line async for line in remaining] == []
