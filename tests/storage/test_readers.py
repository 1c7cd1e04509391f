"""Threads that read: whoever waits hears what was found, or why nothing was."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from runyard.domain.errors import Unavailable
from runyard.storage.readers import Readers, Reading


@pytest.fixture
def readers() -> Iterator[Readers]:
    """Two threads at most."""
    readers = Readers(2)
    yield readers
    readers.close()


async def read(readers: Readers, look: Callable[[], Any]) -> Any:
    """What is found, for a caller on a loop."""
    reading = Reading(look, asyncio.get_running_loop())
    readers.put(reading)
    return await reading.future


def test_callers_of_either_colour_hear_what_was_found_and_what_went_wrong(readers: Readers) -> None:
    assert asyncio.run(read(readers, lambda: 1)) == 1
    with pytest.raises(ZeroDivisionError):
        asyncio.run(read(readers, lambda: 1 // 0))
    reading = Reading(lambda: 2, None)
    readers.put(reading)
    assert reading.future.result(10) == 2


def test_an_error_that_is_found_is_not_one_that_is_raised(readers: Readers) -> None:
    assert isinstance(asyncio.run(read(readers, lambda: Unavailable("as found"))), Unavailable)


def test_no_more_threads_read_than_may(readers: Readers) -> None:
    both = threading.Barrier(2)
    seen: set[str] = set()

    def look() -> None:
        seen.add(str(threading.get_ident()))
        both.wait(10)

    readings = [Reading(look, None) for _ in range(6)]
    for reading in readings:
        readers.put(reading)
    for reading in readings:
        reading.future.result(10)
    assert len(seen) == 2


def test_who_went_away_is_passed_by(readers: Readers) -> None:
    may_end = threading.Event()

    async def leave() -> None:
        waiting = asyncio.ensure_future(read(readers, lambda: may_end.wait(10)))
        await asyncio.sleep(0)
        waiting.cancel()
        may_end.set()
        assert await read(readers, lambda: "next") == "next"

    asyncio.run(leave())


def test_what_comes_after_the_end_is_refused() -> None:
    readers = Readers(1)
    before, after = Reading(lambda: 1, None), Reading(lambda: 2, None)
    readers.put(before)
    readers.close()
    assert before.future.result(10) == 1
    readers.put(after)
    readers.close()
    with pytest.raises(Unavailable):
        after.future.result(10)
