"""Pausing the scheduler, and what it says of itself."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from runyard.domain.tasks import Stage, TaskStatus
from runyard.engine.tasks import desk, scheduling
from runyard.storage.statements import channels as channels_sql
from runyard.storage.statements import task_extremes as extremes_sql
from runyard.storage.statements import task_runs as task_runs_sql
from tests.support.plans import plan
from tests.support.stores import Shelf
from tests.support.yard import PERSON, Yard


def status(yard: Yard) -> scheduling.Standing:
    """How the scheduler stands."""
    return yard.store.look(scheduling.status, yard.project_id)


def backlog(yard: Yard, *where: Any, **said: Any) -> tuple[list[str], int]:
    """The runs that wait, and how many there are."""
    found = yard.store.look(scheduling.backlog, yard.project_id, *where, **said)
    return [one.run.run.id for one in found.rows], found.total


def pause_task(yard: Yard, task_id: str) -> None:
    """Pause a task as the desk writes it."""

    def held(tx: Any) -> None:
        task, _ = desk.take(tx, yard.project_id, task_id)
        desk.write_one(tx, task, replace(task, paused_at=tx.now, paused_by="human:ann", paused_reason="wait"))

    yard.store.transact(held)


def test_while_it_is_paused_nothing_is_handed_out_and_what_is_under_way_goes_on(yard: Yard):
    rows = [yard.queue(yard.task()) for _ in range(2)]
    first, second = yard.session(), yard.session()
    assert yard.claim_next(first) is not None
    paused = yard.store.transact(scheduling.pause, yard.project_id, PERSON, "release")
    assert (paused.active, paused.queued) == (1, 1)
    assert (paused.scheduler.paused_by, paused.scheduler.paused_reason) == ("human:local-user", "release")
    assert yard.claim_next(second) is None
    resumed = yard.store.transact(scheduling.resume, yard.project_id, PERSON)
    assert resumed.scheduler.paused_at is None
    handed = yard.claim_next(second)
    assert handed is not None
    assert handed.run.id == rows[1].run_id


def test_the_backlog_is_in_the_order_of_claims_and_leaves_out_what_is_paused(yard: Yard):
    low, high, held = yard.task(priority=2), yard.task(priority=8), yard.task(priority=8)
    runs = {task.id: yard.queue(task).run_id for task in (low, high, held)}
    pause_task(yard, held.id)
    assert backlog(yard) == ([runs[high.id], runs[low.id]], 2)
    assert backlog(yard, paused=True) == ([runs[high.id], runs[held.id], runs[low.id]], 3)
    assert backlog(yard, limit=1) == ([runs[high.id]], 2)
    assert backlog(yard, "elsewhere") == ([], 0)
    assert status(yard).paused_tasks == 1


def test_what_waits_for_two_minutes_counts_as_starved_unless_it_is_paused(yard: Yard):
    kept, held = yard.task(), yard.task()
    yard.queue(kept)
    yard.queue(held)
    pause_task(yard, held.id)
    assert status(yard).starved == 0
    yard.clock.forward(seconds=120)
    assert (status(yard).starved, status(yard).queued) == (1, 2)


def test_a_paused_task_goes_on_when_it_is_resumed(yard: Yard):
    task = yard.task()
    yard.queue(task)
    pause_task(yard, task.id)
    assert yard.claim_next(yard.session()) is None
    now = yard.task_now(task)
    assert (now.status, now.open_stage) == (TaskStatus.READY, Stage.QUEUED)


def test_what_waits_and_what_somebody_has_is_found_by_indexes_of_these_alone(shelf: Shelf, engine: str) -> None:
    store = shelf.bare(engine)
    said: dict[str, Any] = {"project_id": 1, "queued": ["1"], "at": 0}
    assert "task_runs_under_way" in plan(store, extremes_sql.QUEUED_LONG, **said)
    said = {"project_id": 1, "workspace_id": "w", "n": 5}
    assert "task_runs_claimer" in plan(store, channels_sql.WORKED_ON, **said)
    if engine == "sqlite":
        # PostgreSQL has the choice by how many there are; asked to sort nothing, it walks all by their ids.
        assert "task_runs_claimer" in plan(store, task_runs_sql.UNLEASED, after="", n=5)
