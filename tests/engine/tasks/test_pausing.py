"""What is paused, and what hangs below it, is not handed out until it is resumed."""

from __future__ import annotations

import contextlib
import json

import pytest

from runyard.domain.actors import Actor, Doer, Origin
from runyard.domain.errors import NotFound, TooLarge
from runyard.domain.tasks import ApprovalPolicy, Stage, Task, TaskStatus
from runyard.engine.tasks import asking, deciding, pausing
from runyard.engine.tasks.asking import Wish
from runyard.engine.tasks.forcing import Force
from runyard.engine.tasks.refusals import AlreadyTerminal, ForbiddenToAgents, ForcedTooOften, ReasonRequired
from tests.engine.tasks.working import begin, depend, finish, types
from tests.support.meanwhile import meanwhile
from tests.support.yard import PERSON, Yard

AGENT = Doer(Actor("agent_session", "0198c0de-0000-7000-8000-000000000001"), Origin("http", "tasks.test"))


def pause(yard: Yard, task: Task, by: Doer = PERSON, reason: str = "wait", **said) -> Task:
    """Hold the task up."""
    force = Force(project_id=yard.project_id, by=by, reason=reason, **said)
    return yard.store.transact(pausing.pause, task.id, force)


def resume(yard: Yard, task: Task, by: Doer = PERSON, **said) -> Task:
    """Let it go on."""
    return yard.store.transact(pausing.resume, task.id, Force(project_id=yard.project_id, by=by, **said))


def taken(yard: Yard) -> list[str]:
    """The tasks of everything that is handed out now."""
    found = []
    while (handed := yard.claim_next(yard.session())) is not None:
        found.append(handed.task.id)
    return found


def test_nothing_of_a_paused_task_and_below_it_is_handed_out(yard: Yard):
    root = yard.task()
    child = yard.task(parent=root)
    leaf = yard.task(parent=child)
    beside = yard.task()
    for task in (root, leaf, beside):
        yard.queue(task)
    now = pause(yard, root)
    assert (now.paused_by, now.paused_reason, now.paused_at is not None) == ("human:local-user", "wait", True)
    yard.queue(child)
    assert taken(yard) == [beside.id]
    assert yard.task_now(leaf).status is TaskStatus.READY
    assert resume(yard, root).paused_at is None
    assert sorted(taken(yard)) == sorted([root.id, child.id, leaf.id])


def test_a_pause_further_down_stays(yard: Yard):
    root = yard.task()
    child = yard.task(parent=root)
    leaf = yard.task(parent=child)
    for task in (root, leaf):
        yard.queue(task)
    pause(yard, root)
    pause(yard, child)
    resume(yard, root)
    assert taken(yard) == [root.id]
    resume(yard, child)
    assert taken(yard) == [leaf.id]


def test_what_is_worked_on_goes_on(yard: Yard):
    task = yard.task()
    row = yard.queue(task)
    begin(yard, row)
    pause(yard, task)
    assert yard.task_now(task).open_stage is Stage.RUNNING
    other = yard.task()
    queued = yard.queue(other)
    pause(yard, other)
    finish(yard, queued)
    assert yard.task_now(other).status is TaskStatus.COMPLETED, "whoever names the run may take it all the same"


def test_a_lease_that_expires_under_a_pause_gives_the_run_to_nobody(yard: Yard):
    root = yard.task()
    child = yard.task(parent=root)
    yard.queue(child)
    assert yard.claim_next(yard.session()) is not None
    pause(yard, root)
    yard.after(seconds=301)
    assert taken(yard) == []
    resume(yard, root)
    assert taken(yard) == [child.id]


def test_the_timeline_tells_who_and_why(yard: Yard):
    task = yard.task()
    pause(yard, task, metadata='{"a":1}')
    pause(yard, task, reason="still")
    resume(yard, task)
    resume(yard, task)
    lines = [(line.type, json.loads(line.payload)) for line in yard.timeline(task)][1:]
    usual = {"manual": True, "actor_kind": "human", "actor_id": "local-user"}
    assert lines == [
        ("task.paused", usual | {"paused": True, "reason": "wait", "metadata": {"a": 1}}),
        ("task.paused", usual | {"previous_paused": True, "paused": True, "reason": "still"}),
        ("task.resumed", usual | {"previous_paused": True}),
        ("task.resumed", usual),
    ]
    assert yard.task_now(task).paused_reason is None


def test_a_resume_queues_what_became_due_below(yard: Yard):
    root, other = yard.task(), yard.task()
    eager = yard.task(parent=root, auto_enqueue=True)
    approved = yard.task(parent=root, auto_enqueue=True, approval_policy=ApprovalPolicy.MANUAL)
    for task in (eager, approved):
        depend(yard, task, other)
    pause(yard, root)
    finish(yard, yard.queue(other))
    assert yard.task_now(eager).open_run_id is None
    assert (yard.task_now(eager).auto_pending, yard.task_now(approved).auto_pending) == (1, 0)
    resume(yard, root)
    assert taken(yard) == [eager.id]
    assert yard.task_now(eager).auto_pending == 0
    yard.store.transact(deciding.approve, yard.project_id, approved.id, Wish(), PERSON)
    assert taken(yard) == [approved.id]


def test_what_was_due_and_was_asked_for_is_not_queued_twice(yard: Yard):
    task, other = yard.task(auto_enqueue=True), yard.task()
    depend(yard, task, other)
    pause(yard, task)
    finish(yard, yard.queue(other))
    row = yard.store.transact(asking.start, yard.project_id, task.id, Wish(), PERSON)
    yard.store.transact(asking.start, yard.project_id, task.id, Wish(), PERSON)
    resume(yard, task)
    assert yard.task_now(task).open_run_id == row.run_id
    assert types(yard, task).count("task.run_enqueued") == 1


def test_what_cannot_be_paused_is_refused(yard: Yard):
    done, task = yard.task(), yard.task()
    finish(yard, yard.queue(done))
    with pytest.raises(AlreadyTerminal):
        pause(yard, done)
    with pytest.raises(ReasonRequired):
        pause(yard, task, reason="")
    with pytest.raises(NotFound):
        pause(Yard(yard.store, yard.clock, project_id=2), task)
    with pytest.raises(TooLarge):
        pause(yard, task, metadata='"' + "x" * (16 << 10) + '"')
    with pytest.raises(ForbiddenToAgents):
        resume(yard, task, AGENT, agents_may=False)
    assert types(yard, task) == ["task.created"]
    assert resume(yard, done).status is TaskStatus.COMPLETED


def test_agents_pause_and_resume_ten_times_a_minute(yard: Yard):
    task = yard.task()
    for _ in range(5):
        pause(yard, task, AGENT)
        resume(yard, task, AGENT)
    with pytest.raises(ForcedTooOften):
        pause(yard, task, AGENT)
    pause(yard, task)
    yard.clock.forward(minutes=1)
    resume(yard, task, AGENT)


def test_a_run_queued_at_the_moment_of_a_pause_above_is_held_too(two_servers, clock):
    here, there = (Yard(store, clock) for store in two_servers)
    root = here.task()
    child = here.task(parent=root)
    with contextlib.ExitStack() as stack:

        def paused(tx):
            pausing.pause(tx, root.id, Force(project_id=1, by=PERSON, reason="wait"))
            return stack.enter_context(meanwhile(there.store, lambda: there.queue(child)))

        refused = here.store.transact(paused)
    assert refused == []
    run_id = here.task_now(child).open_run_id
    assert run_id is not None
    assert here.run(run_id).hold == "paused"
    assert here.claim_next(here.session()) is None
