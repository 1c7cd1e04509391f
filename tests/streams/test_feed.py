"""A topic is read once for all its followers, and no follower misses or sees anything twice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from runyard.domain.errors import Unavailable
from runyard.streams import feed
from runyard.streams.feed import Batch, Feeds, Follower
from runyard.streams.hub import Hub

pytestmark = pytest.mark.anyio


class Journal:
    """Numbered lines, and how often they were read."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.lines: list[int] = []
        self.hidden: set[int] = set()
        """Lines of which there is no frame."""
        self.newest = 0
        self.pruned = 0
        self.ended = False
        self.reads = 0
        self.failures = 0

    async def read(self, after: int, limit: int) -> Batch:
        """The lines after a number."""
        self.reads += 1
        if self.failures:
            self.failures -= 1
            raise Unavailable("the database is away")
        lines = [n for n in self.lines if n > after][:limit]
        more = len(lines) >= limit
        frames = [(n, b"%d " % n) for n in lines if n not in self.hidden]
        upto = lines[-1] if more else self.newest
        end = b"end" if self.ended and not more else None
        return Batch(frames=frames, upto=upto, more=more, gap=after < self.pruned, end=end)

    def write(self, numbers: Iterable[int]) -> None:
        """Add lines, as a commit would."""
        self.lines += numbers
        self.newest = max(self.newest, *self.lines)
        self.hub.publish({"run:1"})


@pytest.fixture
def journal() -> Journal:
    """An empty journal."""
    return Journal(Hub())


def follow(feeds: Feeds, journal: Journal, after: int = 0) -> Follower:
    """A follower of the journal."""
    return feeds.follow("run:1", ("run:1",), journal.read, after=after, resync=b"resync ")


async def take(follower: Follower, until: int) -> list[int]:
    """What the follower gets, up to the number."""
    got: list[int] = []
    while until not in got:
        chunk = await follower.next()
        assert chunk is not None
        got += [int(word) for word in chunk.split()]
    return got


async def waits(*followers: Follower) -> None:
    """Let the event loop run until each of the followers waits for its feed, and each feed for a wake-up."""
    async with asyncio.timeout(5):
        while not all(_waits(follower) for follower in followers):  # noqa: ASYNC110 (nobody tells who waits)
            await asyncio.sleep(0)


def _waits(follower: Follower) -> bool:
    return follower._expecting is not None and any(
        waiter._future is not None for waiter in follower.feeds.hub._waiters.get("run:1", ())
    )


async def nothing(follower: Follower) -> None:
    """Let the follower wait, and make sure that it has nothing to tell."""
    waiting = asyncio.ensure_future(follower.next())
    await waits(follower)
    follower.nudge()
    assert await waiting is None
    assert not follower.done


async def test_a_follower_gets_what_was_there_and_what_comes(journal: Journal) -> None:
    feeds = Feeds(journal.hub)
    journal.write([1, 2, 5])
    follower = follow(feeds, journal)
    assert await take(follower, 5) == [1, 2, 5]
    waiting = asyncio.ensure_future(take(follower, 7))
    await asyncio.sleep(0)
    journal.write([6, 7])
    assert await waiting == [6, 7]
    follower.close()
    assert feeds.followers == 0


async def test_a_follower_resumes_after_the_last_it_saw(journal: Journal) -> None:
    journal.write(range(1, 10))
    follower = follow(Feeds(journal.hub), journal, after=6)
    assert await take(follower, 9) == [7, 8, 9]


async def test_any_number_of_followers_cost_one_read_each_time(journal: Journal) -> None:
    feeds = Feeds(journal.hub)
    followers = [follow(feeds, journal) for _ in range(50)]
    taking = [asyncio.ensure_future(take(follower, 3)) for follower in followers]
    await waits(*followers)
    before = journal.reads
    journal.write([1])
    journal.write([2, 3])
    results = await asyncio.gather(*taking)
    assert all(result == [1, 2, 3] for result in results)
    assert journal.reads - before <= 2
    assert feeds.followers == 50


async def test_followers_at_different_places_all_get_everything(journal: Journal) -> None:
    feeds = Feeds(journal.hub)
    journal.write(range(1, 1200))
    followers = [follow(feeds, journal, after=after) for after in (0, 10, 600, 1199, 1300)]
    taking = [asyncio.ensure_future(take(follower, 1400)) for follower in followers[:-1]]
    await waits(*followers[:-1])
    journal.write(range(1200, 1401))
    results = await asyncio.gather(*taking)
    for result, after in zip(results, (0, 10, 600, 1199), strict=True):
        assert result == list(range(after + 1, 1401))


async def test_lines_without_frames_do_not_keep_what_follows_them_waiting(journal: Journal) -> None:
    feeds = Feeds(journal.hub)
    early, late = follow(feeds, journal), follow(feeds, journal)
    await nothing(early)
    journal.hidden = set(range(1, 2 * feed.READ_LIMIT))
    journal.write(range(1, 2 * feed.READ_LIMIT + 2))
    async with asyncio.timeout(5):
        assert await take(early, 2 * feed.READ_LIMIT + 1) == [2 * feed.READ_LIMIT, 2 * feed.READ_LIMIT + 1]
        assert await take(late, 2 * feed.READ_LIMIT + 1) == [2 * feed.READ_LIMIT, 2 * feed.READ_LIMIT + 1]


async def test_a_slow_follower_reads_the_store_itself_and_misses_nothing(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "WINDOW_FRAMES", 10)
    monkeypatch.setattr(feed, "BUSY_TICK", 0)
    feeds = Feeds(journal.hub)
    slow, quick = follow(feeds, journal), follow(feeds, journal)
    await nothing(quick)
    await nothing(slow)
    got: list[int] = []
    for start in range(1, 101, 5):
        journal.write(range(start, start + 5))
        got += await take(quick, start + 4)
    assert got == list(range(1, 101))
    assert await take(slow, 100) == list(range(1, 101))
    assert len(feeds._feeds["run:1"]._frames) == 10


async def test_a_follower_may_start_beyond_lines_that_are_not_of_its_topic(journal: Journal) -> None:
    feeds = Feeds(journal.hub)
    journal.write([1, 2])
    journal.newest = 50
    late, early = follow(feeds, journal, after=40), follow(feeds, journal, after=2)
    await nothing(late)
    await nothing(early)
    journal.write([51])
    assert await take(late, 51) == [51]
    assert await take(early, 51) == [51]


async def test_whoever_saw_more_than_there_is_starts_afresh(journal: Journal) -> None:
    journal.write([1, 2])
    feeds = Feeds(journal.hub)
    follower, other = follow(feeds, journal, after=900), follow(feeds, journal)
    assert await follower.next() == b"resync "
    assert await take(other, 2) == [1, 2]
    journal.write([3])
    assert await take(follower, 3) == [3]
    assert await take(other, 3) == [3]


async def test_whoever_missed_what_is_gone_is_told(journal: Journal) -> None:
    journal.write([7, 8])
    journal.pruned = 6
    follower = follow(Feeds(journal.hub), journal, after=3)
    assert await follower.next() == b"resync 7 8 "


async def test_a_stream_that_ended_says_so_to_all(journal: Journal) -> None:
    feeds = Feeds(journal.hub)
    followers = [follow(feeds, journal) for _ in range(3)]
    waiting = [asyncio.ensure_future(follower.next()) for follower in followers]
    await waits(*followers)
    journal.ended = True
    journal.write([1])
    assert await asyncio.gather(*waiting) == [b"1 end"] * 3
    assert all(follower.done for follower in followers)
    late = follow(feeds, journal, after=1)
    assert await late.next() == b"end"
    assert await late.next() is None
    assert late.done


async def test_a_client_that_left_is_not_waited_for(journal: Journal) -> None:
    follower = follow(Feeds(journal.hub), journal)
    waiting = asyncio.ensure_future(follower.next())
    await waits(follower)
    follower.leave()
    assert await waiting is None
    assert follower.done


async def test_a_stopping_server_ends_all_streams(journal: Journal) -> None:
    feeds = Feeds(journal.hub)
    follower = follow(feeds, journal)
    waiting = asyncio.ensure_future(follower.next())
    await waits(follower)
    feeds.close()
    assert await waiting is None
    assert follower.done


async def test_a_database_that_was_away_loses_nothing(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "AFTER_TROUBLE", 0.001)
    follower = follow(Feeds(journal.hub), journal)
    await nothing(follower)
    journal.failures = 3
    journal.write([1, 2])
    assert await take(follower, 2) == [1, 2]


async def test_the_reader_stops_with_its_last_follower(journal: Journal) -> None:
    feeds = Feeds(journal.hub)
    follower = follow(feeds, journal)
    await nothing(follower)
    follower.close()
    await asyncio.sleep(0)
    before = journal.reads
    journal.write([1])
    await asyncio.sleep(0)
    assert journal.reads == before
    assert journal.hub._waiters == {}
