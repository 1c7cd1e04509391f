"""Inboxes: whatever becomes of tasks, they show what a look at every task and every record would show."""

from __future__ import annotations

from itertools import chain, product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from runyard.domain.actors import Actor
from runyard.domain.inbox import InboxLane
from runyard.domain.tasks import Task, TaskRun
from runyard.engine.tasks import inbox
from runyard.engine.tasks.inbox import Glimpsed, Item
from runyard.engine.tasks.shelves import FIRST, Wanted
from runyard.storage.statements import inbox as inbox_sql
from runyard.storage.statements import task_sums as sums_sql
from runyard.storage.statements.glimpses import Glimpse
from tests.engine.tasks.life import ANN, STEPS, Everything, Life, Row, lived_through, steps_of
from tests.support.plans import plan
from tests.support.stores import Shelf
from tests.support.yard import Yard

EXAMPLES = {"sqlite": 60, "postgres": 15}
GLIMPSED = set(Glimpse.__struct_fields__) - {"run_id"}
FILTERS: list[dict[str, Any]] = [
    {},
    {"unread": True},
    {"workspace_id": "w1"},
    {"workspace_id": ""},
    {"owner_kind": "human", "owner_ref": "ann"},
    {"owner_kind": "human"},
    {"owner_ref": "coder"},
    {"workspace_id": "w2", "owner_kind": "human", "owner_ref": "ann"},
    {"text": "STRASSE"},
    {"text": "road", "workspace_id": "w1", "unread": True},
]


class Inboxes(Everything):
    """All that is kept, and the inboxes it makes."""

    def latest(self, task: Task) -> TaskRun | None:
        """The task's latest run."""
        return max(self.runs[task.id], key=lambda run: (run.attempt, run.queued_at, run.run_id), default=None)

    def state(self, actor: Actor, task: Task) -> tuple[bool, bool, bool]:
        """Whether the task is read, archived and dismissed, for the actor, as it stands."""
        record: Row | None = self.triage.get((actor, task.id))
        if record is None:
            return False, False, False
        if record.archived:
            return True, True, False
        fresh = self.active_at(task) > record.seen_at
        return not fresh, False, bool(record.dismissed) and not fresh

    def lane(self, actor: Actor, task: Task) -> InboxLane | None:
        """Where the task stands in the actor's inbox."""
        _, archived, dismissed = self.state(actor, task)
        if archived:
            return InboxLane.ARCHIVED
        if dismissed:
            return None
        run = self.latest(task)
        if task.status == "blocked" and (task.approval_policy, task.approval_state) == ("manual", "pending"):
            return InboxLane.APPROVALS
        if run is not None and run.stage == "failed":
            return InboxLane.FAILED_RUNS
        if task.status == "blocked":
            return InboxLane.BLOCKED
        active = [one for one in self.runs[task.id] if one.stage in ("queued", "claimed", "starting", "running")]
        mine = task.owner == actor or any(one.claimer == actor for one in active)
        ended = task.status in ("draft", "completed", "failed", "canceled")
        return InboxLane.MY_WORK if mine and not ended else None

    def inbox(self, actor: Actor, **filters: Any) -> dict[InboxLane, list[tuple[bool, str]]]:
        """Whether each task is unread, and its id, in the order in which they are shown."""
        lanes: dict[InboxLane, list[tuple[Any, ...]]] = {lane: [] for lane in InboxLane}
        for task in self.tasks:
            lane = self.lane(actor, task)
            unread = not self.state(actor, task)[0]
            if lane is not None and _meant(task, filters) and (unread or not filters.get("unread")):
                lanes[lane].append((not unread, -self.active_at(task), -task.priority, task.id))
        return {lane: [(not one[0], one[3]) for one in sorted(found)] for lane, found in lanes.items()}


def _meant(task: Task, filters: dict[str, Any]) -> bool:
    text = filters.get("text", "").casefold()
    return (
        filters.get("workspace_id", task.workspace_id or "") == (task.workspace_id or "")
        and filters.get("owner_kind", task.owner_kind) == task.owner_kind
        and filters.get("owner_ref", task.owner_ref) == task.owner_ref
        and (text in task.title.casefold() or text in (task.identifier or "").casefold())
    )


def check(life: Life) -> None:
    """Hold every inbox to what all rows come to."""
    store = life.yard.store
    every = store.look(Inboxes)
    for task in every.tasks:
        assert task.active_at == every.active_at(task), task
    for actor, filters in product(life.actors, FILTERS):
        wanted = Wanted(project_id=1, actor=actor, **filters)
        meant = every.inbox(actor, **filters)
        glances = {group.lane: group for group in store.look(inbox.glance, wanted, 2)}
        for group in store.look(inbox.look, wanted, 2):
            all_of, short = meant[group.lane], glances[group.lane]
            assert (group.count.all, group.count.unread) == (len(all_of), sum(unread for unread, _ in all_of)), filters
            assert (group.count, group.after, group.actor) == (short.count, short.after, actor)
            assert [_in_short(one) for one in group.items] == [_told(one) for one in short.items], (group.lane, filters)
            shown, after = list(short.items), group.after
            while after is not None:
                more, after = store.look(inbox.page, wanted, group.lane, after, 3)
                shown += more
            marks = [(one.task.mark in (None, "unread"), one.task.id) for one in shown]
            assert marks == all_of, (group.lane, filters)


def _in_short(one: Item) -> dict[str, Any]:
    """What a glimpse of the item has to tell."""
    task, run, record = one.seen.task, one.run, one.triage
    said = {name: getattr(task, name) for name in GLIMPSED if hasattr(task, name)}
    said |= {"sequence": one.seen.sequence, "paused_by": one.seen.paused_by, "owner": task.owner}
    said |= {"mark": record and record.mark, "seen_at": record and record.seen_at}
    said |= {"triaged_at": record and record.updated_at, "run_id": run and run.run.id}
    said |= {name: getattr(run.row, name) if run else None for name in GLIMPSED if name in TaskRun.__struct_fields__}
    said |= {"claimer": run.row.claimer if run else None, "error": run.run.error if run else None}
    return said | {"metadata": run.run.metadata if run and run.row.coordination else None}


def _told(one: Glimpsed) -> dict[str, Any]:
    """What the glimpse tells."""
    said = {name: getattr(one.task, name) for name in Glimpse.__struct_fields__}
    return said | {"paused_by": one.paused_by, "owner": one.task.owner, "claimer": one.task.claimer}


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_inboxes_show_what_a_look_at_everything_shows(engine: str, shelf: Shelf):
    @settings(max_examples=EXAMPLES[engine], deadline=None, suppress_health_check=list(HealthCheck))
    @given(steps=STEPS)
    def lived(steps: list[tuple[str, int, int]]) -> None:
        life = Life(Yard(shelf.empty(engine), shelf.clock))
        for step in steps:
            life.do(step)
        check(life)

    lived()


def test_no_look_reads_a_table_or_sorts_what_it_finds(shelf: Shelf):
    life = lived_through(Yard(shelf.empty("sqlite"), shelf.clock))
    for actor, filters in product(life.actors, FILTERS):
        wanted = Wanted(project_id=1, actor=actor, **filters)
        looks = (life.yard.store.look(steps_of, look, wanted, 2) for look in (inbox.look, inbox.glance))
        for step in chain.from_iterable(looks):
            assert "SCAN tasks" not in step, step
            assert "SCAN t " not in step, step
            assert "SCAN g" not in step, step
            assert "ORDER BY" not in step or "DISTINCT" in step, step


def test_tasks_of_no_workspace_stand_in_an_index_in_order(shelf: Shelf, engine: str) -> None:
    store = shelf.bare(engine)
    where = inbox_sql.Where(project_id=1, workspace_id="")
    of = inbox_sql.Range(where=where, actor=ANN, lane="blocked", texts=False)
    ask = inbox_sql.untouched(of, FIRST, 5)
    assert "tasks_workspace_lane" in (found := plan(store, ask.sql, **ask.params)), found
    assert "Sort" not in found, found
    assert "tasks_workspace " in (found := plan(store, sums_sql.LAST_NO_WORKSPACE, project_id=1)), found
