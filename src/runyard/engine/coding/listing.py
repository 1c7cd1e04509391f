"""Lists of coding tasks, newest first.

A list is walked by the index that fits its filters best, and counted in it. What a text contains is in no index, and
each database has a notion of its own of upper and lower case: so that is looked for here, in a bounded number of the
tasks that meet the other filters and in the beginning of their descriptions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from runyard.domain.coding import TaskSeen
from runyard.domain.states import RunState
from runyard.engine.coding import showing
from runyard.storage.port import Tx, Value
from runyard.storage.sql import BEYOND, FOREVER
from runyard.storage.statements import coding_lists as sql
from runyard.storage.statements import coding_tasks
from runyard.storage.statements.coding_lists import Seen

EXAMINED = 5000
"""How many tasks one page looks at that is taken from a place on."""
SEARCHED = 20_000
"""In how many tasks, the newest that meet the other filters, a text is looked for by pages by number."""
LONGEST = 16_384
"""In how many characters of each description."""
STEP = 500


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which tasks are meant; what is None is not looked at."""

    product: str | None = None
    stage: str | None = None
    """Any run of the task has it."""
    owner: str | None = None
    """Whose repository it is, in any case."""
    repository: str | None = None
    """`owner/name`, or the name alone, in any case."""
    creator_number: int | None = None
    states: frozenset[RunState] | None = None
    """The latest run is in one of them."""
    text: str | None = None
    """A part of the title or the description, in any case."""


class Place(NamedTuple):
    """A place in a list."""

    at: int
    id: str


class Numbered(msgspec.Struct, frozen=True, kw_only=True):
    """A page by number, and how many tasks there are on all pages."""

    rows: list[TaskSeen]
    total: int


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a list; it may hold fewer tasks than were asked for (even none) and still have more behind it."""

    rows: list[TaskSeen]
    after: Place | None


def numbered(tx: Tx, project_id: int, wanted: Wanted, *, offset: int, limit: int) -> Numbered:
    """The tasks that meet the filters, by number; with a text, among the newest `SEARCHED`."""
    said, names = _conditions(project_id, wanted)
    if said is None:
        return Numbered(rows=[], total=0)
    if wanted.text:
        found = list(_containing(tx, said, names, wanted.text))
        return Numbered(rows=_see(tx, project_id, found[offset : offset + limit]), total=len(found))
    total = sql.count(tx, said, names)
    rows = sql.numbered(tx, said, names, skipped=offset, n=limit) if offset < total else []
    return Numbered(rows=showing.see_all(tx, project_id, rows), total=total)


def page(tx: Tx, project_id: int, wanted: Wanted, *, after: Place | None = None, limit: int = 50) -> Page:
    """The next tasks that meet the filters, among a bounded number of those that may."""
    said, names = _conditions(project_id, wanted)
    if said is None:
        return Page(rows=[], after=None)
    place = after or _FIRST
    found: list[str] = []
    left = EXAMINED
    while left > 0:
        step = min(STEP if names or wanted.text else limit + 1, left)
        seen = sql.walk(tx, said, names, at=place.at, id=place.id, n=step)
        meeting = _meeting(tx, seen, wanted.text)
        for one in seen:
            if len(found) == limit:
                return Page(rows=_see(tx, project_id, found), after=place)
            place = Place(one.at, one.task_id)
            found += [one.task_id] if one.task_id in meeting else []
        if len(seen) < step:
            return Page(rows=_see(tx, project_id, found), after=None)
        left -= step
    return Page(rows=_see(tx, project_id, found), after=place)


_FIRST = Place(FOREVER, BEYOND)


def _meeting(tx: Tx, seen: Sequence[Seen], text: str | None) -> set[str]:
    ids = [one.task_id for one in seen if one.matches]
    if not text:
        return set(ids)
    part = text.casefold()
    return {one for one, said in sql.texts_of(tx, ids, longest=LONGEST).items() if _holds(part, *said)}


def _containing(tx: Tx, said: dict[str, Value], names: tuple[str, ...], text: str) -> Iterator[str]:
    """Those of the newest tasks meeting the conditions that hold the text."""
    part, place, left = text.casefold(), _FIRST, SEARCHED
    while left > 0:
        rows = sql.texts(tx, said, names, at=place.at, id=place.id, n=min(STEP, left), longest=LONGEST)
        yield from (one.task_id for one in rows if _holds(part, one.title, one.description))
        if len(rows) < STEP:
            return
        left, place = left - len(rows), Place(rows[-1].created_at, rows[-1].task_id)


def _holds(part: str, title: str, description: str | None) -> bool:
    return part in title.casefold() or part in (description or "").casefold()


def _see(tx: Tx, project_id: int, ids: list[str]) -> list[TaskSeen]:
    rows = coding_tasks.get(tx, ids)
    return showing.see_all(tx, project_id, [rows[one] for one in ids if one in rows])


def _conditions(project_id: int, wanted: Wanted) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    """What is said to the database, and which conditions it has to meet; None where nothing can meet them."""
    said: dict[str, Any] = {"project_id": project_id}
    names: list[str] = []
    texts = (wanted.product, wanted.stage, wanted.owner, wanted.repository)
    if wanted.states == frozenset() or any("\0" in text for text in texts if text is not None):
        return None, ()
    for name in ("product", "stage", "creator_number"):
        value = getattr(wanted, name)
        if value is not None:
            said[name] = value
            names.append(name)
    if wanted.states is not None:
        said["states"] = sorted(state.value for state in wanted.states)
        names.append("states")
    if wanted.owner is not None:
        owner = wanted.owner.lower()
        said |= {"owner_low": f"{owner}/", "owner_high": f"{owner}0"}
        names.append("owner")
    if wanted.repository is not None:
        is_whole = "/" in wanted.repository
        lowered = wanted.repository.lower()
        said["repository" if is_whole else "name"] = lowered if is_whole else f"%/{_literally(lowered)}"
        names.append("repository" if is_whole else "name")
    return said, tuple(names)


def _literally(text: str) -> str:
    return text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
