"""How the log is gathered and sent (contract §5.4)."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from runyard.agent_server import logbook
from runyard.agent_server.control import Control
from runyard.agent_server.journal import Journal
from runyard.agent_server.logbook import Logbook
from tests.agent_server.conftest import Hands, Keys, calm, made, run
from tests.agent_server.plane import RUN, Plane

APPEND = f"POST /runs/{RUN}/append_log"


class Writer:
    """A logbook on a clock that is moved by hand."""

    def __init__(self, clock: Hands, book: Logbook, plane: Plane) -> None:
        self.clock = clock
        self.book = book
        self.plane = plane

    def add(self, number: int, size: int = 0) -> None:
        """An entry that is told by its number."""
        notification = {"jsonrpc": "2.0", "method": str(number), "params": {"text": "x" * size}}
        self.book.add({"type": "notification", "timestamp": "2026-01-01T00:00:00Z", "notification": notification})

    def batches(self) -> list[list[int]]:
        """What was sent, whether it was taken or not."""
        bodies = [call.body for call in self.plane.calls if call.what == APPEND]
        return [[int(entry["notification"]["method"]) for entry in body["entries"]] for body in bodies]

    def kept(self) -> list[int]:
        """What arrived."""
        return [int(entry["notification"]["method"]) for entry in self.plane.log]


Writing = Callable[[], contextlib.AbstractAsyncContextManager[Writer]]


@pytest.fixture
def writing(keys: Keys, tmp_path: Path, plane: Plane) -> Writing:
    @contextlib.asynccontextmanager
    async def open_one() -> AsyncIterator[Writer]:
        clock = Hands()
        async with httpx2.AsyncClient(transport=plane.transport()) as http:
            book = Logbook(Control(made(keys, tmp_path), http, clock), clock)
            sending = asyncio.create_task(book.send_forever())
            yield Writer(clock, book, plane)
            assert not sending.done()
            sending.cancel()

    return open_one


def test_entries_are_sent_when_there_is_a_rest_or_five_seconds_are_over(writing: Writing) -> None:
    async def whole() -> None:
        async with writing() as one:
            one.add(1)
            await one.clock.forward(0.4)
            one.add(2)
            await one.clock.forward(0.4)
            assert one.batches() == []
            await one.clock.forward(0.1)
            assert one.batches() == [[1, 2]]
            for number in range(3, 20):
                one.add(number)
                await one.clock.forward(0.4)
            assert one.batches()[1:] == [list(range(3, 16))]
            await one.clock.forward(0.5)
            assert one.kept() == list(range(1, 20))

    run(whole())


def test_much_is_forced_less_often(writing: Writing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logbook, "MUCH", 1000)

    async def whole() -> None:
        async with writing() as one:
            one.add(0, size=1000)
            await one.clock.forward(1)
            for number in range(1, 30):
                one.add(number)
                await one.clock.forward(0.45)
            assert one.batches()[1] == list(range(1, 24))

    run(whole())


def test_what_does_not_arrive_is_sent_again_later_and_later(writing: Writing, plane: Plane) -> None:
    async def whole() -> None:
        async with writing() as one:
            tries: list[float] = []

            def refuse(what: str, body: Any) -> tuple[int, Any]:
                tries.append(one.clock.at)
                return (401, {}) if len(tries) % 2 else (503, {})

            plane.refuse = refuse
            one.add(1)
            await one.clock.forward(100)
            one.add(2)
            pauses = [round(later - earlier, 1) for earlier, later in itertools.pairwise(tries)]
            assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
            plane.refuse = lambda what, body: None
            await one.clock.forward(30)
            assert one.kept() == [1, 2]

    run(whole())


def test_a_large_heap_goes_in_pieces_and_a_bad_entry_alone(
    writing: Writing, plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logbook, "BATCH_BYTES", 3000)

    async def whole() -> None:
        async with writing() as one:
            plane.refuse = lambda what, body: (
                (400, {}) if any(entry["notification"]["method"] == "5" for entry in body["entries"]) else None
            )
            for number in range(10):
                one.add(number, size=400)
            await one.clock.forward(1)
            assert max(map(len, one.batches())) == 5
            assert one.kept() == [0, 1, 2, 3, 4, 6, 7, 8, 9]
            assert one.book.dropped == 1

    run(whole())


def test_the_last_flush_is_tried_three_times(writing: Writing, plane: Plane) -> None:
    async def whole() -> None:
        async with writing() as one:
            left = [503, 503]
            plane.refuse = lambda what, body: (left.pop(), {}) if left else None
            one.add(1)
            flushing = asyncio.create_task(one.book.flush())
            await calm()
            one.add(2)
            await one.clock.forward(5)
            assert await flushing
            assert one.kept() == [1, 2]
            plane.refuse = lambda what, body: (503, {})
            one.add(3)
            before = len(plane.calls)
            flushing = asyncio.create_task(one.book.flush())
            await one.clock.forward(0)
            await one.clock.forward(4)
            assert not await flushing
            # And those that go on by themselves, which the process would not live to see.
            assert len(plane.calls) - before >= 3

    run(whole())


def test_chunks_are_one_message_until_something_else_comes() -> None:
    written: list[dict[str, Any]] = []
    emitted: list[dict[str, Any]] = []
    numbers = iter(range(100))
    journal = Journal(write=written.append, emit=emitted.append, clock=Hands(), ids=lambda: str(next(numbers)))

    def update(kind: str, content: Any) -> None:
        journal.update({"sessionId": "s", "update": {"sessionUpdate": kind, "content": content}})

    def kinds(entries: list[dict[str, Any]]) -> list[Any]:
        return [
            (update["sessionUpdate"], update["content"].get("text"))
            for entry in entries
            for update in [entry["notification"]["params"]["update"]]
        ]

    for text in ("a", "b"):
        update("agent_message_chunk", {"type": "text", "text": text})
    update("agent_thought_chunk", {"type": "text", "text": "hm"})
    update("agent_message_chunk", {"type": "text", "text": "c"})
    update("agent_message_chunk", {"type": "image", "data": ""})
    update("never_heard_of", {"text": "passes"})
    assert kinds(written) == [
        ("agent_message", "ab"),
        ("agent_thought_chunk", "hm"),
        ("agent_message", "c"),
        ("agent_message", None),
        ("never_heard_of", "passes"),
    ]
    assert [kind for kind, _ in kinds(emitted)].count("agent_message_chunk") == 4
    assert [(entry["event_id"], entry.get("first_event_id")) for entry in written[:2]] == [("1", "0"), ("2", None)]
    assert written[0]["timestamp"] == "2026-01-01T00:00:00.000Z"
    assert journal.parts == ["ab", "c"]
