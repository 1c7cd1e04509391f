"""Lists of tasks, the latest activity first.

A list is walked by the index that fits its filters best; the other filters are applied to what is found there. Where
a part of the title is looked for that few tasks have, these are found first (`searching`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from runyard.domain.tasks import CLOSED, TaskApproval, TaskStatus, is_called
from runyard.engine.tasks import details, searching
from runyard.engine.tasks.details import Listed
from runyard.storage.port import Tx
from runyard.storage.sql import BEYOND, FOREVER
from runyard.storage.statements import task_lists as sql
from runyard.storage.statements.task_lists import Narrow

EXAMINED = 5000
"""How many tasks one page of a filtered list looks at."""
STEP = 2000


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which tasks are meant; what is None is not looked at."""

    workspace_id: str | None = None
    no_workspace: bool = False
    """Only tasks of no workspace."""
    status: TaskStatus | None = None
    drafts: bool = False
    """Drafts too, where no status is named."""
    least_priority: int = 0
    most_priority: int = 10
    approval_state: TaskApproval | None = None
    owner_kind: str | None = None
    owner_ref: str | None = None
    parent_id: str | None = None
    channel: str | None = None
    text: str | None = None
    """A part of the title or the identifier, in any case."""


class Place(NamedTuple):
    """A place in a list."""

    at: int
    id: str


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Some tasks of a list; `after` is where to go on, None at the end."""

    ids: list[str]
    after: Place | None


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a list; it may hold fewer tasks than were asked for (even none) and still have more behind it."""

    tasks: list[Listed]
    after: Place | None


def page(tx: Tx, project_id: int, wanted: Wanted, *, after: Place | None = None, limit: int = 50) -> Page:
    """The next tasks that meet the filters, among a bounded number of those that may."""
    found = find(tx, project_id, wanted, after=after, limit=limit, examined=EXAMINED)
    return Page(tasks=details.show_ids(tx, found.ids), after=found.after)


def find(
    tx: Tx, project_id: int, wanted: Wanted, *, after: Place | None = None, limit: int, examined: int | None = None
) -> Found:
    """The ids of the next tasks that meet the filters; all of one instant."""
    meets = _Test(wanted)
    place = after or Place(FOREVER, BEYOND)
    if wanted.text is not None and (called := searching.called(tx, project_id, wanted.text)) is not None:
        rows = sorted(sql.narrow(tx, [task.id for task in called]), key=_place, reverse=True)
        return _first([row for row in rows if meets.holds(row) and _place(row) < place], limit)
    kind, value = _range(wanted)
    ids: list[str] = []
    left = FOREVER if examined is None else examined
    while left > 0:
        n = min(STEP, left, max(limit - len(ids) + 1, 200))
        rows = sql.walk(tx, project_id, kind, value, wanted.owner_ref, at=place.at, id=place.id, n=n)
        for row in rows:
            if len(ids) == limit:
                return Found(ids=ids, after=place)
            place = _place(row)
            if meets.holds(row):
                ids.append(row.id)
        if len(rows) < n:
            return Found(ids=ids, after=None)
        left -= n
    return Found(ids=ids, after=place)


def _place(row: Narrow) -> Place:
    return Place(row.active_at, row.id)


def _first(rows: Sequence[Narrow], limit: int) -> Found:
    """The first of all that is left of a list."""
    ids = [row.id for row in rows[:limit]]
    return Found(ids=ids, after=_place(rows[limit - 1]) if len(rows) > limit else None)


def _range(wanted: Wanted) -> tuple[str, str | None]:
    """The part of an index to walk, the one that probably holds the fewest others."""
    live = wanted.status is not None and wanted.status not in CLOSED
    if wanted.parent_id is not None:
        return "parent", wanted.parent_id
    if wanted.owner_kind is not None and wanted.owner_ref is not None:
        return "owner", wanted.owner_kind
    if wanted.status is not None and (live or wanted.workspace_id is None):
        return "status", wanted.status.value
    if wanted.workspace_id is not None:
        return "workspace", wanted.workspace_id
    return ("global", None) if wanted.no_workspace else ("project", None)


class _Test(msgspec.Struct, frozen=True):
    wanted: Wanted

    def holds(self, row: Narrow) -> bool:
        wanted = self.wanted
        if wanted.status is not None:
            right_status = row.status == wanted.status
        else:
            right_status = wanted.drafts or row.status != TaskStatus.DRAFT
        return (
            right_status
            and wanted.least_priority <= row.priority <= wanted.most_priority
            and (not wanted.no_workspace or row.workspace_id is None)
            and wanted.workspace_id in (None, row.workspace_id)
            and wanted.approval_state in (None, row.approval_state)
            and wanted.owner_kind in (None, row.owner_kind)
            and wanted.owner_ref in (None, row.owner_ref)
            and wanted.parent_id in (None, row.parent_id)
            and wanted.channel in (None, row.channel)
            and (wanted.text is None or is_called(wanted.text, row.title, row.identifier))
        )
