"""Queued runs of tasks that nobody takes."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from runyard.domain.actors import Actor, Doer, Origin
from runyard.domain.policy import SECOND
from runyard.domain.profiles import Profile, Worker
from runyard.domain.tasks import ApprovalPolicy, Stage, TaskRun, TaskStatus
from runyard.engine.tasks import forcing, pausing, scheduling, starving
from runyard.engine.tasks.forcing import Force
from runyard.engine.tasks.starving import Ladder
from runyard.loops import starvation
from runyard.settings import Settings
from runyard.storage.statements import session_events, task_runs
from runyard.storage.statements import starvation as sql
from tests.support.plans import plan
from tests.support.stores import Shelf
from tests.support.yard import PERSON, Yard

LADDER = Ladder()


def look(yard: Yard, ladder: Ladder = LADDER) -> int:
    """One pass over all projects; how many runs were looked after."""
    found = sum(
        yard.store.transact(starving.look, project_id, ladder)
        for project_id in yard.store.look(starving.projects, ladder)
    )
    yard.check()
    return found


def row_now(yard: Yard, row: TaskRun) -> TaskRun:
    """What stands beside the run now."""
    return yard.store.look(task_runs.get, [row.run_id])[row.run_id]


def told(yard: Yard, row: TaskRun) -> list[str]:
    """What the task's timeline tells, without what it begins with."""
    return [line.type for line in yard.timeline(row.task_id)][2:]


def heard(yard: Yard, session_id: str) -> list[dict[str, Any]]:
    """What a session was told of work that waits."""
    events = yard.store.look(session_events.after, session_id, after=0, n=100)
    return [msgspec.json.decode(event.data) for event in events if event.type == starving.EVENT]


def test_a_run_that_nobody_takes_is_told_of_and_then_needs_attention(yard: Yard) -> None:
    task = yard.task()
    row = yard.queue(task)
    yard.clock.forward(seconds=119)
    assert look(yard) == 0
    yard.clock.forward(seconds=1)
    for count in range(1, 10):
        assert (look(yard), look(yard)) == (1, 0)
        assert row_now(yard, row).starved == count
        assert told(yard, row) == (["task.run_starved"] if count >= 6 else [])
        # What a timeline tells is the task's latest activity.
        assert yard.task_now(task).active_at == yard.timeline(task)[-1].at
        yard.clock.forward(seconds=15)
    assert look(yard) == 1
    now = row_now(yard, row)
    assert (now.stage, now.starved, now.look_at) == (Stage.NEEDS_ATTENTION, 0, None)
    starved, parked = yard.timeline(task)[2:]
    assert msgspec.json.decode(starved.payload) == {"queued_at": row.queued_at, "queued_age_ms": 195_000}
    said = msgspec.json.decode(parked.payload)
    assert (said["previous_status"], said["status"], said["queued_at"]) == ("queued", "needs_attention", row.queued_at)
    error = msgspec.json.decode(yard.run(row.run_id).error or "")
    assert error["message"] == said["diagnostic"]
    assert "255 s" in said["diagnostic"]
    assert yard.task_now(task).status is TaskStatus.READY
    assert yard.claim_next(yard.session()) is None
    yard.clock.forward(hours=1)
    assert look(yard) == 0


def test_the_count_goes_when_the_run_is_taken(yard: Yard) -> None:
    row = yard.queue(yard.task())
    yard.clock.forward(seconds=120)
    assert look(yard) == 1
    session = yard.session()
    assert yard.claim_next(session) is not None
    assert (row_now(yard, row).starved, row_now(yard, row).look_at) == (0, None)
    yard.after(seconds=301)
    assert look(yard) == 1
    assert row_now(yard, row).starved == 1


def test_what_a_pause_holds_up_is_not_counted_and_keeps_its_count(yard: Yard) -> None:
    task = yard.task()
    row = yard.queue(task)
    yard.clock.forward(seconds=120)
    assert look(yard) == 1
    force = Force(project_id=1, by=PERSON, reason="wait")
    yard.store.transact(pausing.pause, task.id, force)
    yard.clock.forward(hours=1)
    assert look(yard) == 0
    yard.store.transact(pausing.resume, task.id, force)
    assert (look(yard), row_now(yard, row).starved) == (1, 2)


def test_nothing_is_counted_while_the_scheduler_is_paused_or_the_task_blocked(yard: Yard) -> None:
    blocked = yard.queue(yard.task(approval_policy=ApprovalPolicy.MANUAL))
    row = yard.queue(yard.task())
    yard.store.transact(scheduling.pause, 1, PERSON)
    yard.clock.forward(hours=1)
    assert look(yard) == 0
    assert yard.store.transact(starving.look, 1, LADDER) == 0
    yard.store.transact(scheduling.resume, 1, PERSON)
    assert look(yard) == 1
    assert (row_now(yard, row).starved, row_now(yard, blocked).starved) == (1, 0)


def test_idle_sessions_that_could_take_runs_are_told(yard: Yard) -> None:
    plain = [yard.queue(yard.task()) for _ in range(2)]
    skilled = yard.task()
    profile = msgspec.json.encode(Profile(worker=Worker(required_capabilities=("go",)))).decode()
    yard.store.transact(lambda tx: tx.run("UPDATE tasks SET profile = :p WHERE id = :id", p=profile, id=skilled.id))
    yard.queue(skilled)
    busy = yard.session()
    assert yard.claim_next(busy) is not None
    idle, able, elsewhere = (
        yard.session(),
        yard.session(capabilities=("go",)),
        yard.session(workspace_id="another"),
    )
    yard.clock.forward(seconds=120)
    assert look(yard) == 2
    assert [heard(yard, one.id) for one in (busy, idle, able, elsewhere)] == [[], [{"runs": 1}], [{"runs": 2}], []]
    assert len(plain) == 2


def test_what_is_more_than_a_slice_comes_next(yard: Yard) -> None:
    rows = [yard.queue(yard.task()) for _ in range(5)]
    yard.clock.forward(seconds=120)
    assert [yard.store.transact(starving.look, 1, LADDER, 2) for _ in range(4)] == [2, 2, 1, 0]
    assert {row_now(yard, row).starved for row in rows} == {1}


def test_the_settings_say_when(yard: Yard) -> None:
    assert starvation.ladder_of(Settings(starvation_after=0)) is None
    ladder = starvation.ladder_of(
        Settings(starvation_after=1, starvation_cycle=2, starvation_told=1, starvation_parked=2)
    )
    assert ladder == Ladder(after=SECOND, cycle=2 * SECOND, told=1, parked=2)
    row = yard.queue(yard.task())
    yard.clock.forward(seconds=1)
    asyncio.run(starvation.look_once(yard.store, ladder))
    assert told(yard, row) == ["task.run_starved"]
    yard.clock.forward(seconds=2)
    asyncio.run(starvation.look_once(yard.store, ladder))
    assert row_now(yard, row).stage is Stage.NEEDS_ATTENTION


def test_two_servers_look_after_a_run_once(two_servers: Any, clock: Any) -> None:
    yards = [Yard(store, clock) for store in two_servers]
    rows = [yards[0].queue(yards[0].task()) for _ in range(20)]
    clock.forward(seconds=120)

    async def both() -> None:
        await asyncio.gather(*(starvation.look_once(one.store, LADDER) for one in yards))

    asyncio.run(both())
    look(yards[0])
    assert {row_now(yards[0], row).starved for row in rows} == {1}


def test_what_was_forced_is_forgotten_when_its_minute_is_over(yard: Yard) -> None:
    task = yard.task()
    yard.store.transact(forcing.count, 1, Doer(Actor("agent_session", "a"), Origin("http", "x")), task.id)
    count = "SELECT COUNT(*) FROM forcings"
    yard.store.transact(starving.forget)
    assert yard.store.look(lambda tx: tx.row(count)) == (1,)
    yard.clock.forward(minutes=3)
    yard.store.transact(starving.forget)
    assert yard.store.look(lambda tx: tx.row(count)) == (0,)


def test_what_is_due_is_found_by_an_index(shelf: Shelf, engine: str) -> None:
    store = shelf.bare(engine)
    for statement, said in ((sql.PROJECTS, {"since": 0}), (sql.DUE, {"project_id": 1, "since": 0, "n": 5})):
        assert "task_runs_look" in plan(store, statement, **said)


def test_a_run_that_is_put_off_is_looked_after_once_it_may_be_taken(yard: Yard) -> None:
    row = yard.queue(yard.task())
    yard.reschedule(row.run_id, yard.clock.now() + 3600 * SECOND)
    assert row_now(yard, row).look_at is None
    for _ in range(12):
        yard.clock.forward(seconds=120)
        assert look(yard) == 0
    yard.after(seconds=3600)
    assert look(yard) == 1
    assert row_now(yard, row).starved == 1
