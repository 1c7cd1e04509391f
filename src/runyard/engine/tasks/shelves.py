"""The lanes of an inbox: how much is in each, and what of that comes next.

Nothing here counts or walks what is in a lane. Counts come from the sums of tasks and of the actor's records. What is
shown is merged from ranges of indexes that each stand in the order of inboxes already: tasks nobody has a record of,
tasks only others have one of, and the actor's own records, unread and then read. Just the second of these passes
something by, namely the actor's own tasks among those that anybody has touched; the sums tell how many others there
are, so that it is walked only until these are found, and mostly not at all.

Looking for a part of a title reads the whole lane, in slices: no index of either database finds parts of texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from heapq import merge
from itertools import islice

import msgspec

from runyard.domain.actors import Actor
from runyard.domain.inbox import LANES, InboxLane, Mark
from runyard.domain.tasks import Task
from runyard.storage.port import Tx
from runyard.storage.sql import FOREVER
from runyard.storage.statements import inbox as sql
from runyard.storage.statements import tasks as tasks_sql
from runyard.storage.statements import triage as triage_sql
from runyard.storage.statements.inbox import Found, Marked, Range, Spot, Total, Where

STEP = 2000
"""How many tasks are read at once where each must be looked at."""
CLAIMS = 10_000
"""How many tasks of others somebody may have claimed and still find all of them in their inbox."""
_NONE = Marked()
_EMPTY = Total(tasks=0, triaged=0)
FIRST = Spot(-FOREVER, -FOREVER, "")
"""In front of everything."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Whose inbox is looked at, and for what; what is None is not looked at."""

    project_id: int
    actor: Actor
    workspace_id: str | None = None
    """'' for tasks of no workspace."""
    owner_kind: str | None = None
    owner_ref: str | None = None
    lane: InboxLane | None = None
    unread: bool = False
    text: str | None = None
    """A part of the title or the identifier, in any case."""

    @property
    def lanes(self) -> tuple[InboxLane, ...]:
        """The lanes that are shown, in their order."""
        return tuple(InboxLane) if self.lane is None else (self.lane,)


class Section(StrEnum):
    """The two parts of each lane, in their order."""

    UNREAD = "unread"
    READ = "read"


class Place(msgspec.Struct, frozen=True):
    """A place in a lane."""

    section: Section = Section.UNREAD
    spot: Spot = FIRST
    passed: int = 0
    """How many of the tasks that only others have a record of are in front of it."""


START = Place()


class Count(msgspec.Struct, frozen=True):
    """How much is in a lane."""

    all: int
    unread: int


class Shelf(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a lane before any of it is read."""

    wanted: Wanted
    range: Range | None
    """None where nothing in the tables can be meant."""
    total: Total
    marked: Marked
    unread: list[Found]
    """What is in it besides."""
    read: list[Found]


def of(tx: Tx, wanted: Wanted) -> dict[InboxLane, Shelf]:
    """The lanes that are wanted."""
    where = Where(
        project_id=wanted.project_id,
        workspace_id=wanted.workspace_id,
        owner_kind=wanted.owner_kind,
        owner_ref=wanted.owner_ref,
    )
    actor = wanted.actor
    mine = msgspec.structs.replace(where, owner_kind=actor.kind, owner_ref=actor.ref)
    asked = mine if wanted.lane is InboxLane.MY_WORK else where
    totals, marked = sql.totals(tx, asked, actor), sql.marks(tx, asked, actor)
    shelves = {}
    for lane in wanted.lanes:
        name = LANES[lane].value if lane in LANES else ""
        found = Shelf(
            wanted=wanted,
            range=_range(wanted, mine if lane is InboxLane.MY_WORK else where, name),
            total=totals.get(name, _EMPTY),
            marked=marked.get(name, _NONE),
            unread=[],
            read=[],
        )
        shelves[lane] = _with_claimed(tx, found, where) if lane is InboxLane.MY_WORK else found
    return shelves


def _range(wanted: Wanted, where: Where, lane: str) -> Range:
    return Range(where=where, actor=wanted.actor, lane=lane, texts=wanted.text is not None)


def _with_claimed(tx: Tx, shelf: Shelf, where: Where) -> Shelf:
    """What the actor owns, where that can be meant, and what they have claimed of others."""
    actor = shelf.wanted.actor
    unread, read = _claimed(tx, shelf.wanted)
    if where.owner_kind not in (None, actor.kind) or where.owner_ref not in (None, actor.ref):
        shelf = Shelf(wanted=shelf.wanted, range=None, total=_EMPTY, marked=_NONE, unread=[], read=[])
    return msgspec.structs.replace(shelf, unread=unread, read=read)


def _claimed(tx: Tx, wanted: Wanted) -> tuple[list[Found], list[Found]]:
    """The open tasks of others whose runs the actor has: those they have not seen as they stand, and the others."""
    ids = sql.claimed(tx, wanted.project_id, wanted.actor, CLAIMS)
    tasks = [task for task in tasks_sql.get(tx, ids).values() if _meant(wanted, task)]
    records = triage_sql.of_actor(tx, wanted.project_id, wanted.actor, [task.id for task in tasks])
    parts: dict[Mark, list[Found]] = {mark: [] for mark in Mark}
    for task in tasks:
        mark = records[task.id].mark if task.id in records else Mark.UNREAD
        parts[mark].append(Found(Spot(-task.active_at, -task.priority, task.id), task.title, task.identifier))
    return sorted(parts[Mark.UNREAD], key=_spot), sorted(parts[Mark.READ], key=_spot)


def _meant(wanted: Wanted, task: Task) -> bool:
    return (
        wanted.workspace_id in (None, task.workspace_id or "")
        and wanted.owner_kind in (None, task.owner_kind)
        and wanted.owner_ref in (None, task.owner_ref)
    )


def first(tx: Tx, shelf: Shelf, after: Place, n: int) -> tuple[list[str], Place | None, Count]:
    """The next `n` of the lane, where to go on, and how much is in it."""
    if shelf.wanted.text is None:
        return *take(tx, shelf, after, n), _count(shelf)
    if after == START:
        return _all(tx, shelf, n)
    return *take(tx, shelf, after, n), _all(tx, shelf, 0)[2]


def _count(shelf: Shelf) -> Count:
    """How much is in the lane, whatever its tasks are called."""
    marked = shelf.marked
    if shelf.range is not None and not shelf.range.lane:
        return Count(0 if shelf.wanted.unread else marked.archived, 0)
    shown = shelf.total.tasks - marked.archived - marked.dismissed
    unread = shown - marked.seen + len(shelf.unread)
    return Count(unread if shelf.wanted.unread else shown + len(shelf.unread) + len(shelf.read), unread)


def _all(tx: Tx, shelf: Shelf, n: int) -> tuple[list[str], Place | None, Count]:
    """The first `n` of the lane, where to go on, and how much is in it once all of it was looked at."""
    places: list[Place] = []
    unread = read = 0
    for place in _places(tx, shelf, START, STEP):
        unread += place.section is Section.UNREAD
        read += place.section is Section.READ
        if len(places) <= n:
            places.append(place)
    return *_cut(places, n), Count(unread + read, unread)


def take(tx: Tx, shelf: Shelf, after: Place, n: int) -> tuple[list[str], Place | None]:
    """The next `n` of the lane, and where to go on."""
    step = n + 1 if shelf.wanted.text is None else STEP
    return _cut(list(islice(_places(tx, shelf, after, step), n + 1)), n)


def _cut(places: Sequence[Place], n: int) -> tuple[list[str], Place | None]:
    return [place.spot.id for place in places[:n]], places[n - 1] if n and len(places) > n else None


def _places(tx: Tx, shelf: Shelf, after: Place, step: int) -> Iterator[Place]:
    """All of the lane behind a place, read so many at a time."""
    passed = after.passed
    if after.section is Section.UNREAD:
        for found, unknown in _unread(tx, shelf, after, step):
            passed += unknown
            yield Place(Section.UNREAD, found.spot, passed)
    for found in _read(tx, shelf, after.spot if after.section is Section.READ else FIRST, step):
        yield Place(Section.READ, found.spot)


def _unread(tx: Tx, shelf: Shelf, after: Place, step: int) -> Iterator[tuple[Found, bool]]:
    """What the actor has not seen as it stands, behind a place; and of each whether only others have a record of it."""
    spot, of, marked = after.spot, shelf.range, shelf.marked
    sources: list[Iterable[tuple[Found, bool]]] = [((found, False) for found in shelf.unread if found.spot > spot)]
    if of is not None and of.lane:
        others = shelf.total.triaged - marked.archived - marked.dismissed - marked.seen - marked.unread - after.passed
        untouched = shelf.total.tasks - shelf.total.triaged
        if untouched > 0:
            fresh = _walk(lambda spot, n: sql.untouched(tx, of, spot, n), spot, min(step, untouched))
            sources.append((found, False) for found in islice(fresh, untouched))
        if others > 0:
            unknown = _walk(lambda spot, n: sql.unknown(tx, of, spot, n), spot, min(step, others))
            sources.append((found, True) for found in islice(unknown, others))
        if marked.unread:
            again = _walk(lambda spot, n: sql.marked(tx, of, Mark.UNREAD, spot, n), spot, step)
            sources.append((found, False) for found in again)
    holds = _holds(shelf.wanted.text)
    return (one for one in merge(*sources, key=lambda one: one[0].spot) if holds(one[0]))


def _read(tx: Tx, shelf: Shelf, spot: Spot, step: int) -> Iterator[Found]:
    """What the actor has seen as it stands, behind a place."""
    of = shelf.range
    if shelf.wanted.unread:
        return iter(())
    sources: list[Iterable[Found]] = [[found for found in shelf.read if found.spot > spot]]
    if of is not None and not of.lane and shelf.marked.archived:
        sources.append(_walk(lambda spot, n: sql.archived(tx, of, spot, n), spot, step))
    if of is not None and of.lane and shelf.marked.seen:
        sources.append(_walk(lambda spot, n: sql.marked(tx, of, Mark.READ, spot, n), spot, step))
    return filter(_holds(shelf.wanted.text), merge(*sources, key=_spot))


def _walk(read: Callable[[Spot, int], list[Found]], spot: Spot, step: int) -> Iterator[Found]:
    """All of a range behind a place, read so many at a time and no sooner than they are asked for."""
    while True:
        found = read(spot, step)
        yield from found
        if len(found) < step:
            return
        spot = found[-1].spot


def _spot(found: Found) -> Spot:
    return found.spot


def _holds(text: str | None) -> Callable[[Found], bool]:
    """Whether a task has the text. Compared here: each database has its own notion of upper and lower case."""
    if text is None:
        return lambda found: True
    part = text.casefold()
    return lambda found: part in found.title.casefold() or part in (found.identifier or "").casefold()
