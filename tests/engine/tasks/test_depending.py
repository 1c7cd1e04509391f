"""Tasks wait until what they depend on is completed, and never for each other in a circle."""

from __future__ import annotations

import contextlib
import itertools
import json

import pytest

from runyard.domain.errors import Conflict, Invalid, NotFound
from runyard.domain.tasks import Task, TaskStatus
from runyard.engine import projects
from runyard.engine.tasks import canceling, depending, operating, pausing
from runyard.engine.tasks.forcing import Force
from runyard.storage.port import Tx
from runyard.storage.statements import task_dependencies as sql
from tests.engine.tasks.working import begin, fail, finish, types
from tests.support.meanwhile import meanwhile
from tests.support.yard import PERSON, Yard


def add(yard: Yard, task: Task | str, other: Task | str) -> Task:
    """Let the one wait for the other."""
    first, second = (one if isinstance(one, str) else one.id for one in (task, other))
    return yard.store.transact(depending.add, yard.project_id, first, second, PERSON)


def remove(yard: Yard, task: Task, other: Task) -> Task:
    """Let it wait no longer."""
    return yard.store.transact(depending.remove, yard.project_id, task.id, other.id, PERSON)


def test_a_task_waits_until_the_other_is_completed(yard: Yard):
    task, other = yard.task(), yard.task()
    yard.queue(task)
    now = add(yard, task, other)
    assert (now.status, now.dependencies, now.unmet) == (TaskStatus.BLOCKED, 1, 1)
    assert yard.claim_next(yard.session()) is None
    assert json.loads(yard.timeline(task)[-1].payload) == {
        "depends_on_task_id": other.id,
        "kind": "blocks",
        "status": "blocked",
    }
    fail(yard, yard.queue(other))
    assert yard.task_now(task).status is TaskStatus.BLOCKED
    finish(yard, yard.queue(other))
    now = yard.task_now(task)
    assert (now.status, now.unmet) == (TaskStatus.READY, 0)
    handed = yard.claim_next(yard.session())
    assert handed is not None
    assert handed.task.id == task.id


def test_a_task_that_depends_on_what_is_completed_stays_ready(yard: Yard):
    task, other = yard.task(), yard.task()
    finish(yard, yard.queue(other))
    assert add(yard, task, other).status is TaskStatus.READY
    yard.queue(other)
    assert yard.task_now(task).status is TaskStatus.BLOCKED, "the other has a new run, and is completed no longer"


def test_a_canceled_dependency_blocks_until_it_is_removed(yard: Yard):
    task, other = yard.task(), yard.task()
    add(yard, task, other)
    yard.store.transact(canceling.cancel, yard.project_id, other.id, PERSON)
    assert yard.task_now(task).status is TaskStatus.BLOCKED
    now = remove(yard, task, other)
    assert (now.status, now.dependencies, now.unmet) == (TaskStatus.READY, 0, 0)
    assert types(yard, task) == ["task.created", "task.dependency_added", "task.dependency_removed"]
    with pytest.raises(NotFound, match="does not depend"):
        remove(yard, task, other)


def test_a_removed_dependency_queues_a_task_that_asks_for_it(yard: Yard):
    task, other, paused = yard.task(auto_enqueue=True), yard.task(), yard.task(auto_enqueue=True)
    add(yard, task, other)
    add(yard, paused, other)
    force = Force(project_id=yard.project_id, by=PERSON, reason="wait")
    yard.store.transact(pausing.pause, paused.id, force)
    for one in (task, paused):
        remove(yard, one, other)
    assert yard.task_now(task).open_run_id is not None
    assert types(yard, task)[-2:] == ["task.dependency_removed", "task.run_enqueued"]
    assert yard.task_now(paused).open_run_id is None
    yard.store.transact(pausing.resume, paused.id, force)
    assert yard.task_now(paused).open_run_id is not None


def test_what_cannot_be_waited_for_is_refused(yard: Yard):
    task, other, third = yard.task(), yard.task(), yard.task()
    stranger = Yard(yard.store, yard.clock, project_id=2).task()
    with pytest.raises(Invalid, match="itself"):
        add(yard, task, task)
    for unknown in ("nothing", stranger.id, "\0"):
        with pytest.raises(NotFound):
            add(yard, task, unknown)
        with pytest.raises(NotFound):
            add(yard, unknown, task)
    add(yard, task, other)
    with pytest.raises(Invalid, match="already"):
        add(yard, task, other)
    add(yard, other, third)
    for near in (task, other):
        with pytest.raises(Conflict, match="circle"):
            add(yard, third, near)
    assert types(yard, third) == ["task.created"]


def test_a_task_depends_on_32_others_at_most(yard: Yard):
    task = yard.task()
    others = [yard.task() for _ in range(33)]
    for other in others[:32]:
        add(yard, task, other)
    with pytest.raises(Conflict, match="32"):
        add(yard, task, others[32])
    remove(yard, task, others[0])
    assert add(yard, task, others[32]).dependencies == 32


def test_a_walk_that_nobody_could_follow_is_refused(yard: Yard, monkeypatch: pytest.MonkeyPatch):
    tasks = [yard.task() for _ in range(5)]
    for one, other in itertools.pairwise(tasks):
        add(yard, one, other)
    monkeypatch.setattr(depending, "REACH", 4)
    with pytest.raises(Conflict, match="4 others"):
        add(yard, yard.task(), tasks[0])
    assert add(yard, yard.task(), tasks[1]).unmet == 1


@pytest.fixture
def yards(two_servers, clock) -> tuple[Yard, Yard]:
    """Two servers of one database that has a project."""
    first, second = two_servers
    first.transact(projects.create, slug="first")
    return Yard(first, clock), Yard(second, clock)


def test_edges_added_at_the_same_moment_close_no_circle(yards: tuple[Yard, Yard]):
    here, there = yards
    a, b, c, d = (here.task() for _ in range(4))
    add(here, b, c)
    add(here, d, a)
    with contextlib.ExitStack() as stack:

        def added(tx):
            depending.add(tx, 1, a.id, b.id, PERSON)
            return stack.enter_context(meanwhile(there.store, lambda: add(there, c, d)))

        refused = here.store.transact(added)
    assert [str(error)[:30] for error in refused] == ["that task depends on this one "]
    assert here.task_now(c).dependencies == 0


def test_an_edge_and_the_end_it_waits_for_at_the_same_moment(yards: tuple[Yard, Yard]):
    here, there = yards
    task, other = here.task(), here.task()
    row = here.queue(other)
    begin(here, row)
    with contextlib.ExitStack() as stack:

        def added(tx):
            depending.add(tx, 1, task.id, other.id, PERSON)
            done = lambda: there.store.transact(operating.complete, 1, row.run_id, PERSON)  # noqa: E731
            return stack.enter_context(meanwhile(there.store, done))

        refused = here.store.transact(added)
    assert refused == []
    now = here.task_now(task)
    assert (now.dependencies, now.unmet, now.status) == (1, 0, TaskStatus.READY)


@pytest.mark.parametrize("engine", ["sqlite"])
def test_the_walk_goes_along_an_index(yard: Yard):
    def plan(tx: Tx) -> str:
        return str(tx.rows(f"EXPLAIN QUERY PLAN {sql.REACHES}", start="a", goal="b", n=10))

    assert yard.store.look(plan).count("SEARCH") == 2, "the first edges and those behind them, each by its task"
