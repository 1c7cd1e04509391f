"""Inboxes: what waits for somebody, what they have seen of it put last."""

from __future__ import annotations

import msgspec

from runyard.domain.actors import Actor
from runyard.domain.inbox import InboxLane, Triage
from runyard.domain.tasks import Task
from runyard.engine.tasks import shelves, views
from runyard.engine.tasks.shelves import START, Count, Place, Wanted
from runyard.engine.tasks.views import RunSeen, Seen
from runyard.storage.port import Tx
from runyard.storage.statements import runs as runs_sql
from runyard.storage.statements import task_runs as task_runs_sql
from runyard.storage.statements import tasks as tasks_sql
from runyard.storage.statements import triage as triage_sql


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A task in an inbox."""

    seen: Seen
    lane: InboxLane
    run: RunSeen | None
    """Its latest run."""
    actor: Actor
    """Whose inbox it is."""
    triage: Triage | None
    """What the actor has seen of it; None when they never looked."""


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A lane: how much is in it, and some of that."""

    lane: InboxLane
    count: Count
    items: list[Item]
    after: Place | None
    """Where to go on, None when nothing is left."""


def look(tx: Tx, wanted: Wanted, n: int, *, after: Place = START) -> list[Group]:
    """Each lane with the first `n` of it, or where only one is wanted those behind a place."""
    lanes = shelves.of(tx, wanted)
    taken = {lane: shelves.first(tx, shelf, after, n) for lane, shelf in lanes.items()}
    items = _items(tx, wanted, {lane: ids for lane, (ids, _, _) in taken.items()})
    return [Group(lane=lane, count=count, items=items[lane], after=more) for lane, (_, more, count) in taken.items()]


def page(tx: Tx, wanted: Wanted, lane: InboxLane, after: Place, n: int) -> tuple[list[Item], Place | None]:
    """The next `n` of a lane behind a place, and where to go on."""
    wanted = msgspec.structs.replace(wanted, lane=lane)
    ids, rest = shelves.take(tx, shelves.of(tx, wanted)[lane], after, n)
    return _items(tx, wanted, {lane: ids})[lane], rest


def _items(tx: Tx, wanted: Wanted, taken: dict[InboxLane, list[str]]) -> dict[InboxLane, list[Item]]:
    """The tasks as they are shown, by lane; what is gone is left out."""
    ids = [one for lane in taken.values() for one in lane]
    tasks = tasks_sql.get(tx, ids)
    seen = {one.task.id: one for one in views.see(tx, list(tasks.values()))}
    records = triage_sql.of_actor(tx, wanted.project_id, wanted.actor, ids)
    latest = [task.latest_run_id for task in tasks.values() if task.latest_run_id is not None]
    rows = task_runs_sql.get(tx, latest)
    runs = runs_sql.get(tx, latest)

    def run_of(task: Task) -> RunSeen | None:
        run, row = runs.get(task.latest_run_id or ""), rows.get(task.latest_run_id or "")
        return RunSeen(run=run, row=row, task=task) if run is not None and row is not None else None

    return {
        lane: [
            Item(seen=seen[one], lane=lane, run=run_of(tasks[one]), actor=wanted.actor, triage=records.get(one))
            for one in some
            if one in seen
        ]
        for lane, some in taken.items()
    }
