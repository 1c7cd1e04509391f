"""Tasks go with everything of theirs, and time takes away what was closed long ago."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from runyard.artifacts.objects import in_folder
from runyard.artifacts.port import Blobs
from runyard.domain.actors import Actor
from runyard.domain.errors import Conflict, Invalid, NotFound
from runyard.domain.states import RunState
from runyard.domain.tasks import Task, TaskStatus
from runyard.engine import archives, copies, retention
from runyard.engine.tasks import asking, deleting, retiring
from runyard.engine.tasks.asking import Wish
from runyard.storage.port import Tx
from tests.engine.tasks.working import depend, fail, finish
from tests.support.yard import PERSON, Yard

DAY = 86_400_000_000
OF_TASKS = ("tasks", "task_runs", "task_events", "task_dependencies", "runs", "events", "attempts", "idempotency_keys")


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return in_folder(tmp_path)


def delete(yard: Yard, task: Task | str) -> None:
    task_id = task if isinstance(task, str) else task.id
    yard.store.transact(deleting.delete, yard.project_id, task_id, PERSON)


def rows(yard: Yard) -> dict[str, int]:
    return {table: count for table in OF_TASKS if (count := yard.store.look(partial(_count, table=table)))}


def test_nothing_of_a_deleted_task_is_left(yard: Yard):
    task = yard.task(id="named", owner=Actor("human", "ann"))
    for key, end in (("one", fail), ("two", finish)):
        end(yard, yard.store.transact(asking.enqueue, yard.project_id, task.id, Wish(key=key), PERSON))
    assert rows(yard)["idempotency_keys"] == 2
    depend(yard, task, other := yard.task("other"))
    delete(yard, task)
    delete(yard, other)
    assert rows(yard) == {}
    with pytest.raises(NotFound):
        delete(yard, task)
    assert yard.task(id="named").attempts == 0


def test_children_and_runs_under_way_are_in_the_way(yard: Yard):
    task = yard.task()
    child = yard.task(parent=task)
    with pytest.raises(Invalid, match="1 children"):
        delete(yard, task)
    delete(yard, child)
    assert yard.task_now(task).children == 0
    yard.queue(task)
    with pytest.raises(Invalid, match="cancel it first"):
        delete(yard, task)
    assert yard.task_now(task).open_run_id is not None


def test_a_run_that_needs_attention_goes_with_its_task(yard: Yard):
    task = yard.task()
    yard.starve(yard.queue(task))
    delete(yard, task)
    assert rows(yard) == {}


def test_those_that_waited_go_on(yard: Yard):
    first, done = yard.task("first"), yard.task("done")
    finish(yard, yard.queue(done))
    waiting = yard.task("waiting", auto_enqueue=True)
    for one in (first, done):
        depend(yard, waiting, one)
    assert (yard.task_now(waiting).dependencies, yard.task_now(waiting).unmet) == (2, 1)
    delete(yard, done)
    assert (yard.task_now(waiting).dependencies, yard.task_now(waiting).unmet) == (1, 1)
    delete(yard, first)
    now = yard.task_now(waiting)
    assert (now.dependencies, now.unmet, now.status) == (0, 0, TaskStatus.READY)
    assert now.open_run_id is not None


def test_runs_of_tasks_are_neither_replayed_nor_retried(yard: Yard):
    task = yard.task()
    row = yard.queue(task)
    fail(yard, row)
    for op in (copies.replay, copies.retry):
        with pytest.raises(Conflict, match="queue another run of the task"):
            yard.store.transact(op, yard.project_id, row.run_id)


def retire(yard: Yard, blobs: Blobs, days: int = 30) -> int:
    before = dict.fromkeys((RunState.COMPLETED, RunState.FAILED, RunState.CANCELED), yard.clock.now() - days * DAY)
    retention.retire_once(yard.store, blobs, before)
    return retiring.retire_once(yard.store, blobs, before)


def test_closed_tasks_go_leaf_first_and_their_runs_with_them(yard: Yard, blobs: Blobs, tmp_path: Path):
    root, other = yard.task("root"), yard.task("open")
    child = yard.task("child", parent=root)
    ran = []
    for task in (root, child):
        ran.append((row := yard.queue(task)).run_id)
        finish(yard, row)
    failed = yard.queue(other)
    fail(yard, failed)
    yard.clock.forward(hours=29 * 24)
    assert retire(yard, blobs) == 0
    yard.clock.forward(hours=2 * 24)
    assert [retire(yard, blobs) for _ in range(3)] == [1, 1, 0]
    with pytest.raises(NotFound):
        yard.task_now(root)
    archived = [line["run"]["id"] for path in tmp_path.rglob("*.jsonl.zst") for line in archives.read_archive(path)]
    assert sorted(archived) == sorted(ran)
    # The run of the task that is open stays, however long ago it failed.
    assert rows(yard)["runs"] == 1
    yard.queue(other)


def test_what_others_wait_for_and_what_needs_a_person_stays(yard: Yard, blobs: Blobs):
    bad, waiting = yard.task("bad"), yard.task("waiting")
    depend(yard, waiting, bad)
    yard.cancel(yard.queue(bad).run_id)
    done = yard.task("done")
    finish(yard, yard.queue(done))
    yard.starve(yard.queue(done))
    yard.clock.forward(hours=100 * 24)
    assert retire(yard, blobs) == 0
    assert yard.task_now(waiting).status is TaskStatus.BLOCKED
    delete(yard, waiting)
    assert retire(yard, blobs) == 1


def _count(tx: Tx, table: str) -> int:
    (row,) = tx.rows(f"SELECT COUNT(*) FROM {table}")
    return int(row[0])
