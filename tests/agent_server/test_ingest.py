"""How events are numbered and sent (contract §9.9)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from runyard.agent_server.ingest import MAX_EVENT, Ingest
from tests.agent_server.conftest import Hands, Keys, made, run
from tests.agent_server.plane import INGEST, Plane

Sending = Callable[[], contextlib.AbstractAsyncContextManager[tuple[Ingest, Hands]]]


@pytest.fixture
def sending(keys: Keys, tmp_path: Path, plane: Plane) -> Sending:
    @contextlib.asynccontextmanager
    async def open_one() -> AsyncIterator[tuple[Ingest, Hands]]:
        clock = Hands()
        async with httpx2.AsyncClient(transport=plane.transport()) as http:
            ingest = Ingest(made(keys, tmp_path, ingest_token=INGEST), http, clock)
            task = asyncio.create_task(ingest.send_forever())
            yield ingest, clock
            assert not task.done() or ingest.is_over
            task.cancel()

    return open_one


def event(number: int, **more: Any) -> dict[str, Any]:
    return {"type": "test", "n": number, **more}


def numbers(plane: Plane) -> list[int]:
    return [one["n"] for one in plane.events]


def test_numbers_go_on_where_an_earlier_process_ended(sending: Sending, plane: Plane) -> None:
    plane.events = [event(0)]

    async def whole() -> None:
        async with sending() as (ingest, clock):
            for number in range(1, 2000):
                ingest.put(event(number))
            await clock.forward(1)
            assert numbers(plane) == list(range(2000))
            sizes = [len(call.body.splitlines()) for call in plane.calls]
            assert sizes == [0, 900, 900, 199]
            assert await ingest.complete()
            assert plane.complete == 2000
            ingest.put(event(1))
            await clock.forward(10)
            assert len(plane.calls) == 5

    run(whole())


def test_a_lost_answer_repeats_nothing_and_a_gap_is_closed(sending: Sending, plane: Plane) -> None:
    async def whole() -> None:
        async with sending() as (ingest, clock):
            ingest.put(event(1))
            await clock.forward(1)

            def lose(what: str, body: Any) -> tuple[int, Any]:
                plane.refuse = lambda what, body: None
                plane._ingest(body)
                return 502, b"a proxy"

            plane.refuse = lose
            ingest.put(event(2))
            await clock.forward(0.1)
            ingest.put(event(3))
            await clock.forward(5)
            assert numbers(plane) == [1, 2, 3]
            # Somebody lost what was accepted: what is sent next is numbered anew.
            plane.events.pop()
            ingest.put(event(4))
            await clock.forward(5)
            assert numbers(plane) == [1, 2, 4]

    run(whole())


def test_a_stream_that_is_over_is_given_up(sending: Sending, plane: Plane) -> None:
    plane.complete = 0

    async def whole() -> None:
        async with sending() as (ingest, clock):
            ingest.put(event(1))
            await clock.forward(600)
            assert ingest.is_over
            assert len(plane.calls) < 10
            assert not await ingest.complete()

    run(whole())


def test_what_is_too_large_is_sent_without_what_makes_it_so(sending: Sending, plane: Plane) -> None:
    update = {"sessionUpdate": "tool_call", "toolCallId": "c", "rawOutput": "x" * MAX_EVENT}
    params = {"sessionId": "s", "update": update}
    large = {"type": "notification", "event_id": "e", "notification": {"method": "session/update", "params": params}}

    async def whole() -> None:
        async with sending() as (ingest, clock):
            ingest.put(large)
            await clock.forward(1)

    run(whole())
    (sent,) = plane.events
    assert sent["event_id"] == "e"
    told = {"truncated": True, "sessionId": "s", "update": {"sessionUpdate": "tool_call", "toolCallId": "c"}}
    assert sent["notification"]["params"] == told
