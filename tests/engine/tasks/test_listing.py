"""Lists and trees of tasks: in order, whole, and by an index."""

from __future__ import annotations

from typing import Any

import pytest

from runyard.domain.tasks import Stage, Task, TaskStatus
from runyard.engine.tasks import details, listing, trees
from runyard.engine.tasks.listing import Place, Wanted
from runyard.storage.statements import task_lists as sql
from tests.engine.tasks.working import fail
from tests.support.plans import plan
from tests.support.stores import Shelf
from tests.support.yard import Yard


def found(yard: Yard, *, limit: int = 1000, examined: int | None = None, **wanted: Any) -> list[str]:
    after: Place | None = None
    ids: list[str] = []
    while True:
        part = yard.store.look(
            listing.find, yard.project_id, Wanted(**wanted), after=after, limit=limit, examined=examined
        )
        ids += part.ids
        if part.after is None:
            return ids
        after = part.after


def make(yard: Yard, title: str, **new: Any) -> Task:
    yard.clock.forward(micros=1)
    return yard.task(title, **new)


@pytest.mark.parametrize(("limit", "examined"), [(1, None), (2, None), (1000, 1), (3, 2)])
def test_pages_together_are_the_whole_list(yard: Yard, limit: int, examined: int | None):
    tasks = [make(yard, f"task {number}", priority=number % 3) for number in range(7)]
    newest = [task.id for task in reversed(tasks)]
    assert found(yard, limit=limit, examined=examined) == newest
    some = [task.id for task in reversed(tasks) if task.priority >= 1]
    assert found(yard, limit=limit, examined=examined, least_priority=1) == some


def test_activity_brings_a_task_to_the_front(yard: Yard):
    first, second = make(yard, "first"), make(yard, "second")
    assert found(yard) == [second.id, first.id]
    yard.clock.forward(seconds=1)
    yard.queue(first)
    assert found(yard) == [first.id, second.id]
    assert found(yard, status=TaskStatus.READY) == [first.id, second.id]


def test_every_range_of_an_index_is_told_apart(yard: Yard):
    root = make(yard, "root", workspace_id="w")
    child = make(yard, "child", workspace_id="w", parent=root)
    loose = make(yard, "loose")
    yard.queue(loose)
    assert found(yard, workspace_id="w") == [child.id, root.id]
    assert found(yard, no_workspace=True) == [loose.id]
    assert found(yard, parent_id=root.id) == [child.id]
    assert found(yard, workspace_id="w", status=TaskStatus.COMPLETED) == []
    assert found(yard, workspace_id="w", status=TaskStatus.READY) == [child.id, root.id]
    assert yard.store.look(listing.find, 2, Wanted(), limit=10).ids == []


@pytest.mark.parametrize("kind", sorted(sql.WALKS))
def test_lists_are_read_by_index_in_their_order(shelf: Shelf, engine: str, kind: str):
    params = {"project_id": 1, "at": 1, "id": "x", "n": 1, "value": "x", "owner_ref": "x"}
    used = {name: value for name, value in params.items() if f":{name}" in sql.WALKS[kind]}
    steps = plan(shelf.bare(engine), sql.WALKS[kind], **used)
    index = {"project": "active", "global": "workspace"}.get(kind, kind)
    assert f"tasks_{index} " in steps, steps
    assert "TEMP B-TREE" not in steps, steps
    assert "Sort" not in steps, steps


def test_a_tree_goes_by_depth_then_activity_then_id(yard: Yard):
    root = yard.task("root")
    left, right = (yard.task(name, parent=root) for name in ("left", "right"))
    deep = yard.task("deep", parent=right)
    other = yard.task("other root")
    yard.clock.forward(seconds=1)
    yard.queue(left)
    tree = yard.store.look(trees.of, 1, root.id)
    assert tree.below == [left.id, *sorted([right.id]), deep.id]
    nodes = yard.store.look(trees.nodes, tree.below, at=tree.level)
    assert [(node.depth, node.open_run is not None) for node in nodes] == [(1, True), (1, False), (2, False)]
    branch = yard.store.look(trees.of, 1, right.id)
    assert branch.below == [deep.id]
    assert [node.depth for node in yard.store.look(trees.nodes, branch.below, at=branch.level)] == [1]
    assert yard.store.look(trees.of, 1, other.id).below == []


def test_a_detail_shows_the_newest_lines_first_and_no_more_than_it_may(yard: Yard, monkeypatch: pytest.MonkeyPatch):
    task = yard.task()
    for _ in range(3):
        fail(yard, yard.queue(task))
    newest = [line.seq for line in reversed(yard.timeline(task))]
    monkeypatch.setattr(details, "SLICE", 2)
    detail = yard.store.look(details.of, 1, task.id)
    assert [line.seq for line in detail.events] == newest
    assert [run.row.attempt for run in detail.runs] == [3, 2, 1]
    monkeypatch.setattr(details, "MOST_EVENTS", 4)
    assert [line.seq for line in yard.store.look(details.of, 1, task.id).events] == newest[:4]
    assert [run.row.attempt for run in yard.store.look(details.runs, 1, task.id, stage=Stage.FAILED, limit=2)] == [3, 2]
