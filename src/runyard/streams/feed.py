"""Feeds: one reader for each followed topic, and any number of followers of what it read.

The reader looks at the store once per wake-up and keeps the newest frames in a bounded window. A follower holds nothing
but its position. One whose position has left the window (a new one with an old `Last-Event-ID`, or one whose client
reads too slowly) reads the store itself until it has caught up, so nobody can make the server hold more than a window.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence

import msgspec
import structlog

from runyard.streams.hub import Hub

BUSY_TICK = 0.02
"""While frames keep coming, they are gathered this long; the first after a silence goes out at once."""
READ_LIMIT = 500
WINDOW_FRAMES = 2000
WINDOW_BYTES = 1 << 20
LOOK_ANYWAY = 60.0
"""About how many seconds pass before the store is read without a wake-up, should one ever get lost."""
AFTER_TROUBLE = 1.0

log = structlog.get_logger("runyard.streams")

Frame = tuple[int, bytes]
"""A sequence number, and the frame as it goes out."""


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What a read found, frames by increasing number."""

    frames: list[Frame]
    upto: int
    """Everything up to this number has been seen: the last line's when the limit was reached, else the newest number
    of the store as it was when the read began."""
    more: bool = False
    """Whether more is there already; frames may be fewer than the lines that were read."""
    gap: bool = False
    """Whether entries after the number asked for are gone for good."""
    end: bytes | None = None
    """The last frame of all, when this is the whole rest and nothing can follow any more."""


def seen(frames: Sequence[Frame], *, newest: int, more: bool) -> int:
    """How far a read saw that left `more` or nothing, when `newest` was the store's newest number before it."""
    if more and frames:
        return frames[-1][0]
    return max(newest, frames[-1][0]) if frames else newest


Read = Callable[[int, int], Awaitable[Batch]]
"""Reads at most so many frames after a sequence number."""


class Feed:
    """The newest frames of one topic."""

    def __init__(self, hub: Hub, topics: tuple[str, ...], read: Read, *, after: int) -> None:
        self.hub = hub
        self.topics = topics
        self.read = read
        self.floor = after
        """The window holds every frame after this number, up to `head`."""
        self.head = after
        self.end: bytes | None = None
        self.followers = 0
        self._frames: deque[Frame] = deque()
        self._bytes = 0
        self._joined: tuple[int, int, bytes] = (0, 0, b"")
        self._waiting: set[asyncio.Future[bool]] = set()
        self._task = asyncio.get_running_loop().create_task(self._work())

    def since(self, position: int) -> bytes:
        """Every frame of the window after the position, joined; followers at the same position share one copy."""
        first, last, chunk = self._joined
        if (first, last) != (position, self.head):
            chunk = b"".join(data for seq, data in self._frames if seq > position)
            self._joined = (position, self.head, chunk)
        return chunk

    def expect(self) -> asyncio.Future[bool]:
        """A future that is done (true) when there is more to read."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        return future

    def forget(self, future: asyncio.Future[bool]) -> None:
        """Nobody waits for the future any more."""
        self._waiting.discard(future)

    def wake(self) -> None:
        """Let all followers look."""
        waiting, self._waiting = self._waiting, set()
        for future in waiting:
            _settle(future, woken=True)

    def stop(self) -> None:
        """Read no more."""
        self._task.cancel()

    async def _work(self) -> None:
        # Spread by topic, so that a thousand feeds that began together do not all read at once.
        patience = LOOK_ANYWAY * (0.5 + hash(self.topics) % 1000 / 1000)
        with self.hub.waiter(self.topics) as waiter:
            while self.end is None and not self.hub.closed:
                waiter.reset()
                batch = await self._take()
                if batch is None or batch.more:
                    continue
                if batch.frames:
                    await asyncio.sleep(BUSY_TICK)
                await waiter.wait(patience)

    async def _take(self) -> Batch | None:
        """Read once and hand on what was found; None when the store could not be read."""
        try:
            batch = await self.read(self.head, READ_LIMIT)
        except Exception as error:  # the database is away, or worse; followers wait with us
            log.warning("feed.read_failed", topics=self.topics, exc_info=error)
            await asyncio.sleep(AFTER_TROUBLE)
            return None
        if batch.frames:
            self._frames.extend(batch.frames)
            self._bytes += sum(len(data) for _, data in batch.frames)
        self.head = max(self.head, batch.upto)
        while len(self._frames) > WINDOW_FRAMES or (self._bytes > WINDOW_BYTES and len(self._frames) > 1):
            self.floor, data = self._frames.popleft()
            self._bytes -= len(data)
        self.end = batch.end
        if batch.frames or batch.end is not None:
            self.wake()
        return batch


def _settle(future: asyncio.Future[bool], *, woken: bool) -> None:
    if not future.done():
        future.set_result(woken)


class Follower:
    """One client's place in a stream: asks for what comes next."""

    def __init__(
        self, feeds: Feeds, key: Hashable, topics: tuple[str, ...], read: Read, *, after: int, resync: bytes
    ) -> None:
        self.feeds = feeds
        self.key = key
        self.topics = topics
        self.read = read
        self.resync = resync
        self.position = after
        self.done = False
        """Nothing will come any more: the stream ended, the client left, or the server stops."""
        self._feed: Feed | None = None
        self._expecting: asyncio.Future[bool] | None = None

    async def next(self) -> bytes | None:
        """The frames that come next, joined; None when somebody said `nudge`, or none will come and `done` is set."""
        while not self.done:
            feed, chunk = self._feed, b""
            if self.feeds.hub.closed:
                self.done = True
            elif feed is None or self.position < feed.floor:
                chunk = await self._catch_up()
            elif feed.head > self.position or feed.end is not None:
                chunk = self._take(feed)
            elif not await self._wait(feed):
                return None
            if chunk:
                return chunk
        return None

    def nudge(self) -> None:
        """Wait no longer for now. One timer a client for this is far cheaper than one a wait."""
        if self._expecting is not None:
            _settle(self._expecting, woken=False)

    def leave(self) -> None:
        """The client is gone."""
        self.done = True
        if self._expecting is not None:
            _settle(self._expecting, woken=True)

    def close(self) -> None:
        """Let go of the feed; it stops with its last follower."""
        if self._feed is not None:
            self.feeds.release(self.key, self._feed)
            self._feed = None

    async def _wait(self, feed: Feed) -> bool:
        self._expecting = future = feed.expect()
        try:
            return await future
        finally:
            self._expecting = None
            feed.forget(future)

    def _take(self, feed: Feed) -> bytes:
        chunk = feed.since(self.position) if feed.head > self.position else b""
        self.position = max(self.position, feed.head)
        if feed.end is not None:
            chunk += feed.end
            self.done = True
        return chunk

    async def _catch_up(self) -> bytes:
        """Read the store; join the feed when there is nothing more.

        A client that has seen a higher number than there is has seen another database (a backup was restored): it is
        told to start afresh, like one that missed what retention deleted.
        """
        self.close()
        batch = await self.read(self.position, READ_LIMIT)
        is_lost = batch.gap or batch.upto < self.position
        self.position = batch.upto
        if batch.end is not None:
            self.done = True
        elif not batch.more:
            self._feed = self.feeds.join(self.key, self.topics, self.read, after=self.position)
        return b"".join([self.resync if is_lost else b"", *(data for _, data in batch.frames), batch.end or b""])


class Feeds:
    """The feeds that somebody follows."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self._feeds: dict[Hashable, Feed] = {}

    @property
    def followers(self) -> int:
        """How many follow anything."""
        return sum(feed.followers for feed in self._feeds.values())

    def follow(
        self, key: Hashable, topics: tuple[str, ...], read: Read, *, after: int, resync: bytes = b""
    ) -> Follower:
        """A follower of the frames after the number. Equal keys share a reader, so they must mean equal reads.

        `resync` is the frame that tells a client that it missed something for good.
        """
        return Follower(self, key, topics, read, after=after, resync=resync)

    def join(self, key: Hashable, topics: tuple[str, ...], read: Read, *, after: int) -> Feed:
        """The feed of the key, made when there is none."""
        feed = self._feeds.get(key)
        if feed is None or feed.end is not None:
            feed = self._feeds[key] = Feed(self.hub, topics, read, after=after)
        feed.followers += 1
        return feed

    def release(self, key: Hashable, feed: Feed) -> None:
        """One follower less."""
        feed.followers -= 1
        if not feed.followers:
            feed.stop()
            if self._feeds.get(key) is feed:
                del self._feeds[key]

    def close(self) -> None:
        """End all streams: the server stops."""
        self.hub.close()
        for feed in self._feeds.values():
            feed.wake()
