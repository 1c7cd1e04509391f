"""Runs of tasks are asked for once for each key, by publishing, starting and enqueueing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runyard.domain.actors import Actor, Doer, Origin
from runyard.domain.errors import Conflict, IdempotencyMismatch, Invalid, NotFound, TooLarge
from runyard.domain.tasks import ApprovalPolicy, Stage, Task, TaskStatus
from runyard.engine import workspaces
from runyard.engine.tasks import asking, depending
from runyard.engine.tasks.asking import Wish
from tests.engine.tasks.working import fail, finish, types
from tests.support.yard import PERSON, Yard

AGENT = Doer(Actor("agent_session", "0198c0de-0000-7000-8000-000000000001"), Origin("http", "tasks.test"))
OTHER_DOOR = Doer(PERSON.actor, Origin("http", "tasks.other"))


def ask(yard: Yard, op, task: Task | str, by: Doer = PERSON, **wish):
    """The run that is asked for."""
    task_id = task if isinstance(task, str) else task.id
    return yard.store.transact(op, yard.project_id, task_id, Wish(**wish), by)


def test_publishing_makes_a_draft_ready_and_queues_its_run(yard: Yard):
    draft = yard.task(draft=True)
    row = ask(yard, asking.publish, draft)
    now = yard.task_now(draft)
    assert (now.status, now.open_run_id, row.attempt, row.stage) == (TaskStatus.READY, row.run_id, 1, Stage.QUEUED)
    created, published, enqueued = yard.timeline(draft)
    assert (created.type, published.type, enqueued.type) == ("task.created", "task.published", "task.run_enqueued")
    assert json.loads(published.payload) == {
        "previous_status": "draft",
        "status": "ready",
        "approval_state": "not_required",
    }
    said = json.loads(enqueued.payload)
    assert (said["attempt"], said["status"], said["task_status"]) == (1, "queued", "ready")
    handed = yard.claim_next(yard.session())
    assert handed is not None
    assert handed.run.id == row.run_id
    with pytest.raises(Conflict, match="only a draft"):
        ask(yard, asking.publish, yard.task())


@pytest.mark.parametrize("why", ["dependency", "approval"])
def test_a_draft_that_is_blocked_stays_a_draft(yard: Yard, why: str):
    draft = yard.task(draft=True, approval_policy=ApprovalPolicy.MANUAL if why == "approval" else ApprovalPolicy.NONE)
    if why == "dependency":
        yard.store.transact(depending.add, yard.project_id, draft.id, yard.task().id, PERSON)
    before = types(yard, draft)
    with pytest.raises(Conflict, match="blocked"):
        ask(yard, asking.publish, draft)
    assert (yard.task_now(draft).status, types(yard, draft)) == (TaskStatus.DRAFT, before)


@pytest.mark.parametrize("op", [asking.start, asking.publish])
def test_asked_again_without_a_key_the_run_is_the_same_until_it_ends(yard: Yard, op):
    task = yard.task(draft=op is asking.publish)
    first = ask(yard, op, task)
    assert ask(yard, op, task) == first
    assert types(yard, task).count("task.run_enqueued") == 1
    fail(yard, first)
    second = ask(yard, op, task)
    assert (second.attempt, second.run_id == first.run_id) == (2, False)
    assert ask(yard, op, task).run_id == second.run_id


def test_a_key_stands_for_its_run_whatever_becomes_of_that(yard: Yard):
    task, other = yard.task(), yard.task()
    first = ask(yard, asking.enqueue, task, key="k")
    fail(yard, first)
    lines = types(yard, task)
    again = ask(yard, asking.enqueue, task, key="k")
    assert (again.run_id, again.stage, types(yard, task)) == (first.run_id, Stage.FAILED, lines)
    with pytest.raises(IdempotencyMismatch, match="another task"):
        ask(yard, asking.enqueue, other, key="k")
    assert yard.task_now(other).attempts == 0
    elsewhere = ask(yard, asking.enqueue, other, OTHER_DOOR, key="k")
    assert elsewhere.task_id == other.id


def test_a_replay_succeeds_though_the_task_moved_on_but_not_a_plain_one(yard: Yard):
    task, plain = yard.task(), yard.task()
    started = ask(yard, asking.start, task, key="k")
    queued = ask(yard, asking.enqueue, plain, key="p")
    for row in (started, queued):
        yard.cancel(row.run_id)
    assert ask(yard, asking.start, task, key="k").run_id == started.run_id
    with pytest.raises(Conflict, match="canceled"):
        ask(yard, asking.enqueue, plain, key="p")


def test_tasks_that_take_no_run_say_why(yard: Yard):
    with pytest.raises(Conflict, match="draft"):
        ask(yard, asking.start, yard.task(draft=True))
    with pytest.raises(Conflict, match="draft"):
        ask(yard, asking.enqueue, yard.task(draft=True))
    with pytest.raises(Conflict, match="needs an approval"):
        ask(yard, asking.start, yard.task(approval_policy=ApprovalPolicy.MANUAL))
    with pytest.raises(NotFound):
        ask(yard, asking.start, "nothing")
    busy = yard.task()
    ask(yard, asking.enqueue, busy)
    with pytest.raises(Conflict, match="one at a time"):
        ask(yard, asking.start, busy)
    worn = yard.task(max_attempts=1)
    fail(yard, ask(yard, asking.enqueue, worn))
    with pytest.raises(Conflict, match="used up"):
        ask(yard, asking.start, worn)
    assert yard.task_now(worn).status is TaskStatus.FAILED


def test_a_completed_task_may_be_started_again(yard: Yard):
    task = yard.task()
    finish(yard, ask(yard, asking.start, task))
    assert yard.task_now(task).status is TaskStatus.COMPLETED
    assert ask(yard, asking.start, task).attempt == 2
    assert yard.task_now(task).status is TaskStatus.READY


def test_a_blocked_task_takes_a_run_that_nobody_gets(yard: Yard):
    task = yard.task(approval_policy=ApprovalPolicy.MANUAL)
    assert ask(yard, asking.enqueue, task).stage is Stage.QUEUED
    assert yard.task_now(task).status is TaskStatus.BLOCKED
    assert yard.claim_next(yard.session()) is None


def test_agents_must_send_a_key(yard: Yard):
    task = yard.task()
    with pytest.raises(Invalid, match="idempotency_key"):
        ask(yard, asking.enqueue, task, AGENT)
    assert ask(yard, asking.enqueue, task, AGENT, key="k").key == "k"


def test_what_is_said_of_a_run_is_kept(yard: Yard):
    task = yard.task(channel="ops")
    row = ask(yard, asking.start, task, channel="night", metadata='{"a":1}')
    assert (row.channel, row.coordination, yard.run(row.run_id).metadata) == ("night", None, '{"a":1}')
    own = ask(yard, asking.start, yard.task(channel="ops"))
    assert own.channel == "ops"
    wishes: tuple[tuple[dict[str, Any], type[Exception]], ...] = (
        ({"metadata": '"' + "x" * (16 << 10) + '"'}, TooLarge),
        ({"channel": "No Channel"}, Invalid),
        ({"key": "k" * 513}, Invalid),
    )
    for wish, error in wishes:
        fresh = yard.task()
        with pytest.raises(error):
            ask(yard, asking.start, fresh, **wish)
        assert types(yard, fresh) == ["task.created"]


def test_a_run_of_a_workspace_talks_in_a_channel_of_it(yard: Yard):
    here, there = (
        yard.store.transact(workspaces.create, yard.project_id, workspaces.NewWorkspace(root_dir=f"/{name}")).id
        for name in ("here", "there")
    )
    row = ask(yard, asking.start, yard.task(workspace_id=here, channel="mine"))
    assert row.coordination == "mine"
    own = ask(yard, asking.start, yard.task(workspace_id=there))
    assert own.coordination == f"coord-run-{own.run_id.replace('-', '')}"
    with pytest.raises(Invalid, match="another workspace"):
        ask(yard, asking.start, yard.task(workspace_id=there), channel="mine")


def test_keys_of_deleted_runs_are_free(yard: Yard):
    task = yard.task()
    row = ask(yard, asking.start, task, key="k")
    yard.store.transact(asking.forget, [row])
    with pytest.raises(Conflict, match="one at a time"):
        ask(yard, asking.start, task, key="k")
