"""Inboxes: what waits for somebody, what they have seen of it put last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from runyard.domain.actors import Actor
from runyard.domain.inbox import InboxLane, Triage
from runyard.engine.tasks import shelves, views
from runyard.engine.tasks.shelves import START, Count, Place, Wanted
from runyard.engine.tasks.views import RunSeen, Seen
from runyard.storage.port import Tx
from runyard.storage.statements import glimpses as glimpses_sql
from runyard.storage.statements import tasks as tasks_sql
from runyard.storage.statements.glimpses import Glimpse

Shown = TypeVar("Shown")


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A task in an inbox."""

    seen: Seen
    run: RunSeen | None
    """Its latest run."""
    triage: Triage | None
    """What the actor has seen of it; None when they never looked."""


class Group(msgspec.Struct, Generic[Shown], frozen=True, kw_only=True):
    """A lane: how much is in it, and some of that."""

    lane: InboxLane
    actor: Actor
    """Whose inbox it is."""
    count: Count
    items: list[Shown]
    after: Place | None
    """Where to go on, None when nothing is left."""


class Glimpsed(msgspec.Struct, frozen=True, kw_only=True):
    """A task in an inbox in short."""

    task: Glimpse
    paused_by: str | None
    """Itself, or the nearest task above it that is paused."""


Show = Callable[[Tx, Wanted, dict[InboxLane, list[str]]], dict[InboxLane, list[Shown]]]


def look(tx: Tx, wanted: Wanted, n: int, *, after: Place = START) -> list[Group[Item]]:
    """Each lane with the first `n` of it, or where only one is wanted those behind a place."""
    return _groups(tx, wanted, n, after, _items)


def glance(tx: Tx, wanted: Wanted, n: int) -> list[Group[Glimpsed]]:
    """The same in short: no long text of a task or run is read."""
    return _groups(tx, wanted, n, START, _glimpses)


def page(tx: Tx, wanted: Wanted, lane: InboxLane, after: Place, n: int) -> tuple[list[Glimpsed], Place | None]:
    """The next `n` of a lane behind a place in short, and where to go on."""
    wanted = msgspec.structs.replace(wanted, lane=lane)
    ids, rest = shelves.take(tx, shelves.of(tx, wanted)[lane], after, n)
    return _glimpses(tx, wanted, {lane: ids})[lane], rest


def _groups(tx: Tx, wanted: Wanted, n: int, after: Place, show: Show[Shown]) -> list[Group[Shown]]:
    lanes = shelves.of(tx, wanted)
    if after == START and wanted.text is None:
        lanes = shelves.begun(tx, lanes, n)
    taken = {lane: shelves.first(tx, shelf, after, n) for lane, shelf in lanes.items()}
    items = show(tx, wanted, {lane: ids for lane, (ids, _, _) in taken.items()})
    return [
        Group(lane=lane, actor=wanted.actor, count=count, items=items[lane], after=more)
        for lane, (_, more, count) in taken.items()
    ]


def _items(tx: Tx, wanted: Wanted, taken: dict[InboxLane, list[str]]) -> dict[InboxLane, list[Item]]:
    """The tasks as they are shown, by lane; what is gone is left out."""
    ids = [one for lane in taken.values() for one in lane]
    tasks, records = glimpses_sql.whole(tx, wanted.project_id, wanted.actor, ids)
    latest = [task.latest_run_id for task in tasks.values() if task.latest_run_id is not None]
    rows, runs = glimpses_sql.whole_runs(tx, latest)
    items = {}
    for seen in views.see(tx, list(tasks.values())):
        task = seen.task
        run, row = runs.get(task.latest_run_id or ""), rows.get(task.latest_run_id or "")
        latest_run = RunSeen(run=run, row=row, task=task) if run is not None and row is not None else None
        items[task.id] = Item(seen=seen, run=latest_run, triage=records.get(task.id))
    return {lane: [items[one] for one in some if one in items] for lane, some in taken.items()}


def _glimpses(tx: Tx, wanted: Wanted, taken: dict[InboxLane, list[str]]) -> dict[InboxLane, list[Glimpsed]]:
    tasks = glimpses_sql.get(tx, wanted.project_id, wanted.actor, [one for some in taken.values() for one in some])
    above = {one.id: one.path.split("/")[1:-1] for one in tasks.values()}
    paused = tasks_sql.paused_among(tx, sorted({task_id for ids in above.values() for task_id in ids}))

    def paused_by(task: Glimpse) -> str | None:
        if task.paused_at is not None:
            return task.id
        return next((one for one in reversed(above[task.id]) if one in paused), None)

    return {
        lane: [Glimpsed(task=tasks[one], paused_by=paused_by(tasks[one])) for one in some if one in tasks]
        for lane, some in taken.items()
    }
