"""Ranges of indexes that lanes of inboxes are read from, a slice at a time and no farther than to what is known."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from runyard.storage.port import Ask, Tx
from runyard.storage.statements import inbox as sql
from runyard.storage.statements.inbox import Found, Range, Spot


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A range of an index that part of a lane is read from."""

    range: Range
    walk: sql.Walk
    known: int
    """How many of the range are in the lane: it is walked until these are found."""
    unknown: bool = False
    """Whether only others have a record of these tasks."""

    def ask(self, spot: Spot, step: int) -> Ask:
        """The next of it."""
        return self.walk(self.range, spot, self.most(step))

    def most(self, step: int) -> int:
        """How many are read at once."""
        return min(step, self.known)


def walked(tx: Tx, source: Source, spot: Spot, step: int, head: list[Found] | None) -> Iterator[Found]:
    """All of a range behind a place, read so many at a time and no sooner than asked for; the first may be read."""
    most, left = source.most(step), source.known
    while left > 0:
        found = sql.walk(tx, [source.ask(spot, step)], [most])[0] if head is None else head
        yield from found[:left]
        if len(found) < most:
            return
        left -= len(found)
        spot, head = found[-1].spot, None
