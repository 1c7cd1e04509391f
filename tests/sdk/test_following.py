from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import httpx2
import pytest

from runyard.sdk import AsyncClient, Client, Done, Event, LogEntry, NotFound, Resync, Unreachable
from runyard.sdk.exchange import Patience, Server
from runyard.sdk.following import Follower, Item

FIRST = 'id: 3\nevent: run.created\ndata: {"seq":3,"type":"run.created","run_id":"a"}\n\n: ping\n\n'
SECOND = 'id: 4\nevent: log\ndata: {"seq":4,"message":"half","level":"info"}\n\n'
LAST = 'id: 9\nevent: done\ndata: {"state":"completed"}\n\n'


def frames(text: str) -> httpx2.Response:
    return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=text.encode())


def broken_off(text: str) -> httpx2.Response:
    def content() -> Iterator[bytes]:
        yield text.encode()
        raise httpx2.ReadError("connection reset")

    return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=content())


def test_a_stream_goes_on_where_it_broke_off(client_of: Callable[..., Client]) -> None:
    answers = iter([broken_off(FIRST), httpx2.Response(503), frames(SECOND), frames(LAST)])
    places: list[str | None] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        assert request.url.path == "/runyard/v1/runs/a/stream"
        places.append(request.headers.get("last-event-id"))
        return next(answers)

    items = [*client_of(answer).runs.stream("a")]

    assert items == [
        Event(seq=3, type="run.created", run_id="a"),
        LogEntry(seq=4, message="half"),
        Done(state="completed"),
    ]
    assert places == [None, "3", "3", "4"]


def test_an_async_stream_goes_on_too() -> None:
    answers: Iterator[httpx2.Response | Exception] = iter(
        [frames(FIRST), httpx2.ConnectError("refused"), frames(SECOND + LAST)]
    )
    places: list[str | None] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        places.append(request.headers.get("last-event-id", f"after {request.url.params['after']}"))
        found = next(answers)
        if isinstance(found, Exception):
            raise found
        return found

    async def followed() -> list[Item]:
        async with AsyncClient("http://yard.test", "k", transport=httpx2.MockTransport(answer)) as client:
            return [item async for item in client.runs.stream("a", after=1)]

    assert [type(item) for item in asyncio.run(followed())] == [Event, LogEntry, Done]
    assert places == ["after 1", "3", "3"]


def test_a_stream_that_is_refused_raises(client_of: Callable[..., Client]) -> None:
    client = client_of(lambda _: httpx2.Response(404, json={"code": "not_found", "detail": "No such run."}))

    with pytest.raises(NotFound):
        next(client.runs.stream("a"))


def test_a_stream_that_never_comes_back_is_given_up(client_of: Callable[..., Client]) -> None:
    tries = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        tries.append(request)
        raise httpx2.ConnectError("refused")

    with pytest.raises(Unreachable, match="refused"):
        next(client_of(answer).runs.stream("a"))

    assert len(tries) == 21


def test_resync_is_told_and_followed_by_what_the_server_has() -> None:
    follower = _follower(after=2)

    follower.take("run.created", '{"seq":3,"type":"run.created"}', "3")
    assert follower.take("resync", '{"detail":"gone"}', "") == Resync(data={"detail": "gone"})
    assert follower.request().headers["Last-Event-ID"] == "3"
    assert follower.take("resync", "", "60") == Resync()
    assert follower.request().headers["Last-Event-ID"] == "60"


def test_something_that_arrived_makes_the_next_wait_short_again() -> None:
    follower = _follower(after=None)

    assert [follower.after_break(None) for _ in range(3)] == [0.2, 0.4, 0.8]
    follower.take("run.created", '{"seq":3,"type":"run.created"}', "3")
    assert follower.after_break(None) == 0.2


def test_a_frame_that_only_says_where_we_are_is_no_item() -> None:
    follower = _follower(after=None)

    assert follower.take("message", "", "17") is None
    assert follower.request().headers["Last-Event-ID"] == "17"


def test_a_project_is_followed_from_its_very_beginning(client_of: Callable[..., Client]) -> None:
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return frames(FIRST)

    stream = client_of(answer).stream(after=0)

    assert isinstance(next(stream), Event)
    assert str(seen[0].url) == "http://yard.test/runyard/v1/stream?after=0"


def _follower(*, after: int | None) -> Follower[Event]:
    patience = Patience(retries=4, dice=lambda: 1.0)
    return Follower("/stream", Event, Server(url="http://yard.test"), patience, after=after)
