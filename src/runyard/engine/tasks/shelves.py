"""The lanes of an inbox: how much is in each, and what of that comes next.

Nothing here counts or walks what is in a lane. Counts come from the sums of tasks and of the actor's records. What is
shown is merged from ranges of indexes that each stand in the order of inboxes already: tasks nobody has a record of,
tasks only others have one of, and the actor's own records, unread and then read. Just the second of these passes
something by, namely the actor's own tasks among those that anybody has touched; the sums tell how many others there
are, so that it is walked only until these are found, and mostly not at all.

Who looks for a part of a title is shown what `searching` finds; where that is too much, the whole lanes are read in
slices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from heapq import merge
from itertools import islice, repeat, zip_longest

import msgspec

from runyard.domain.actors import Actor
from runyard.domain.inbox import LANES, InboxLane, Mark, lane_of
from runyard.domain.tasks import Task, is_called
from runyard.engine.tasks import searching, sources
from runyard.engine.tasks.sources import Source
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
    heads: Mapping[Section, Sequence[list[Found]]] = {}
    """What was read of its sources already, from where each begins."""


def of(tx: Tx, wanted: Wanted) -> dict[InboxLane, Shelf]:
    """The lanes that are wanted."""
    where = Where(
        project_id=wanted.project_id,
        workspace_id=wanted.workspace_id,
        owner_kind=wanted.owner_kind,
        owner_ref=wanted.owner_ref,
    )
    if wanted.text is not None and (tasks := searching.called(tx, wanted.project_id, wanted.text)) is not None:
        return _of_these(tx, wanted, [task for task in tasks if _meant(wanted, task)])
    actor = wanted.actor
    mine = msgspec.structs.replace(where, owner_kind=actor.kind, owner_ref=actor.ref)
    asked = mine if wanted.lane is InboxLane.MY_WORK else where
    standing = sql.standing(tx, asked, actor, claims=CLAIMS if InboxLane.MY_WORK in wanted.lanes else 0)
    shelves = {}
    for lane in wanted.lanes:
        name = LANES[lane].value if lane in LANES else ""
        found = Shelf(
            wanted=wanted,
            range=_range(wanted, mine if lane is InboxLane.MY_WORK else where, name),
            total=standing.totals.get(name, _EMPTY),
            marked=standing.marks.get(name, _NONE),
            unread=[],
            read=[],
        )
        shelves[lane] = _with_claimed(tx, found, where, standing.claimed) if lane is InboxLane.MY_WORK else found
    return shelves


def _of_these(tx: Tx, wanted: Wanted, tasks: Sequence[Task]) -> dict[InboxLane, Shelf]:
    """The lanes that are wanted, with no other tasks than these in them."""
    ids = [task.id for task in tasks]
    records = triage_sql.of_actor(tx, wanted.project_id, wanted.actor, ids)
    claimed = sql.claimed_among(tx, wanted.project_id, wanted.actor, ids)
    marks = {task.id: records[task.id].mark if task.id in records else Mark.UNREAD for task in tasks}
    parts: dict[InboxLane, list[Task]] = {lane: [] for lane in InboxLane}
    for task in tasks:
        lane = lane_of(task, wanted.actor, has_run=task.id in claimed, archived=marks[task.id] is Mark.ARCHIVED)
        if lane is not None:
            parts[lane].append(task)
    shelves = {}
    for lane in wanted.lanes:
        unread = [_found(task) for task in parts[lane] if marks[task.id] is Mark.UNREAD]
        read = [_found(task) for task in parts[lane] if marks[task.id] in (Mark.READ, Mark.ARCHIVED)]
        shelves[lane] = Shelf(
            wanted=wanted, range=None, total=_EMPTY, marked=_NONE, unread=sorted(unread), read=sorted(read)
        )
    return shelves


def _found(task: Task) -> Found:
    return Found(Spot(-task.active_at, -task.priority, task.id), task.title, task.identifier)


def _range(wanted: Wanted, where: Where, lane: str) -> Range:
    return Range(where=where, actor=wanted.actor, lane=lane, texts=wanted.text is not None)


def _with_claimed(tx: Tx, shelf: Shelf, where: Where, claimed: Sequence[str]) -> Shelf:
    """What the actor owns, where that can be meant, and what they have claimed of others."""
    actor = shelf.wanted.actor
    unread, read = _claimed(tx, shelf.wanted, claimed)
    if where.owner_kind not in (None, actor.kind) or where.owner_ref not in (None, actor.ref):
        shelf = Shelf(wanted=shelf.wanted, range=None, total=_EMPTY, marked=_NONE, unread=[], read=[])
    return msgspec.structs.replace(shelf, unread=unread, read=read)


def _claimed(tx: Tx, wanted: Wanted, ids: Sequence[str]) -> tuple[list[Found], list[Found]]:
    """The open tasks of others whose runs the actor has: those they have not seen as they stand, and the others."""
    tasks = [task for task in tasks_sql.get(tx, ids).values() if _meant(wanted, task)]
    records = triage_sql.of_actor(tx, wanted.project_id, wanted.actor, [task.id for task in tasks])
    parts: dict[Mark, list[Found]] = {mark: [] for mark in Mark}
    for task in tasks:
        mark = records[task.id].mark if task.id in records else Mark.UNREAD
        parts[mark].append(_found(task))
    return sorted(parts[Mark.UNREAD], key=_spot), sorted(parts[Mark.READ], key=_spot)


def _meant(wanted: Wanted, task: Task) -> bool:
    return (
        wanted.workspace_id in (None, task.workspace_id or "")
        and wanted.owner_kind in (None, task.owner_kind)
        and wanted.owner_ref in (None, task.owner_ref)
    )


def begun(tx: Tx, lanes: dict[InboxLane, Shelf], n: int) -> dict[InboxLane, Shelf]:
    """The lanes with what the first `n` of each are to be found in, read at once."""
    parts = [
        (lane, section, source)
        for lane, shelf in lanes.items()
        for section in Section
        if section is Section.UNREAD or _count(shelf).unread <= n
        for source in _sources(shelf, section)
    ]
    asks = [source.ask(FIRST, n + 1) for *_, source in parts]
    heads: dict[InboxLane, dict[Section, list[list[Found]]]] = {lane: {} for lane in lanes}
    found = sql.walk(tx, asks, [source.most(n + 1) for *_, source in parts])
    for (lane, section, _), head in zip(parts, found, strict=True):
        heads[lane].setdefault(section, []).append(head)
    return {lane: msgspec.structs.replace(shelf, heads=heads[lane]) for lane, shelf in lanes.items()}


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
    spot = after.spot
    parts: list[Iterable[tuple[Found, bool]]] = [((found, False) for found in shelf.unread if found.spot > spot)]
    heads = shelf.heads.get(Section.UNREAD, ()) if after == START else ()
    for source, head in zip_longest(_sources(shelf, Section.UNREAD, after.passed), heads):
        parts.append(zip(sources.walked(tx, source, spot, step, head), repeat(source.unknown)))
    holds = _holds(shelf.wanted.text)
    return (one for one in merge(*parts, key=lambda one: one[0].spot) if holds(one[0]))


def _read(tx: Tx, shelf: Shelf, spot: Spot, step: int) -> Iterator[Found]:
    """What the actor has seen as it stands, behind a place."""
    if shelf.wanted.unread:
        return iter(())
    parts: list[Iterable[Found]] = [[found for found in shelf.read if found.spot > spot]]
    heads = shelf.heads.get(Section.READ, ()) if spot == FIRST else ()
    for source, head in zip_longest(_sources(shelf, Section.READ), heads):
        parts.append(sources.walked(tx, source, spot, step, head))
    return filter(_holds(shelf.wanted.text), merge(*parts, key=_spot))


def _sources(shelf: Shelf, section: Section, passed: int = 0) -> list[Source]:
    """Where the section is read from, behind so many of the tasks that only others have a record of."""
    of, total, marked = shelf.range, shelf.total, shelf.marked
    if of is None:
        return []
    if section is Section.READ:
        found = [(sql.seen, marked.seen if of.lane else 0), (sql.archived, 0 if of.lane else marked.archived)]
        wanted = not shelf.wanted.unread
        return [Source(range=of, walk=walk, known=known) for walk, known in found if wanted and known > 0]
    if not of.lane:
        return []
    others = total.triaged - marked.archived - marked.dismissed - marked.seen - marked.unread - passed
    found_in = [
        Source(range=of, walk=sql.untouched, known=total.tasks - total.triaged),
        Source(range=of, walk=sql.unknown, known=others, unknown=True),
        Source(range=of, walk=sql.unread, known=marked.unread),
    ]
    return [source for source in found_in if source.known > 0]


def _spot(found: Found) -> Spot:
    return found.spot


def _holds(text: str | None) -> Callable[[Found], bool]:
    """Whether a task has the text. Compared here: each database has its own notion of upper and lower case."""
    if text is None:
        return lambda found: True
    return lambda found: is_called(text, found.title, found.identifier)
