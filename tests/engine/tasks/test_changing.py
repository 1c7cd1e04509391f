"""What a task says of itself changes, and its status, its open run and the sums follow."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from runyard.domain.actors import Actor
from runyard.domain.errors import Invalid, NotFound, TooLarge
from runyard.domain.task_sums import RUN_SUMS, TASK_SUMS, of_runs, run_key, task_tally
from runyard.domain.tasks import ApprovalPolicy, Task, TaskApproval, TaskStatus, task_key
from runyard.engine.tasks import changing
from runyard.engine.tasks.changing import Change
from runyard.storage.port import Tx
from runyard.storage.statements import task_runs as task_runs_sql
from runyard.storage.statements import tasks as tasks_sql
from tests.engine.tasks.working import fail
from tests.support.yard import PERSON, Yard


def change(yard: Yard, task: Task, **said: Any) -> Task:
    return yard.store.transact(changing.change, yard.project_id, task.id, Change(**said), PERSON)


def test_what_is_said_already_changes_nothing(yard: Yard):
    task = yard.task(description="all", metadata='{"a": 1, "b": [2.0]}', owner=Actor("human", "ann"), channel="talk")
    yard.clock.forward(seconds=1)
    same = change(
        yard,
        task,
        title=" a task ",
        description="all",
        metadata='{"b":[2.0],"a":1}',
        owner=Actor("human", "ann"),
        channel="talk",
        auto_enqueue=False,
        max_attempts=3,
    )
    assert same == task == yard.task_now(task)
    assert [line.type for line in yard.timeline(task)] == ["task.created"]


def test_numbers_that_are_written_otherwise_are_others(yard: Yard):
    task = yard.task(metadata='{"a": 1}')
    assert change(yard, task, metadata='{"a": true}').metadata == '{"a": true}'


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({}, Invalid),
        ({"title": "\t"}, Invalid),
        ({"max_attempts": 11}, Invalid),
        ({"channel": "A"}, Invalid),
        ({"owner": Actor("daemon", "x")}, Invalid),
        ({"metadata": '"' + "x" * 17_000 + '"'}, TooLarge),
    ],
)
def test_what_a_task_cannot_say_leaves_it_as_it_was(yard: Yard, said: dict[str, Any], error: type[Exception]):
    task = yard.task()
    with pytest.raises(error):
        change(yard, task, **said)
    with pytest.raises(NotFound):
        yard.store.transact(changing.change, 2, task.id, Change(title="x"), PERSON)
    assert yard.task_now(task) == task


def test_more_attempts_make_a_failed_task_ready(yard: Yard):
    task = yard.task(max_attempts=1)
    fail(yard, yard.queue(task))
    assert yard.task_now(task).status is TaskStatus.FAILED
    ready = change(yard, task, max_attempts=2)
    assert (ready.status, ready.closed_at) == (TaskStatus.READY, None)
    assert change(yard, task, max_attempts=1).status is TaskStatus.FAILED


def test_a_policy_asks_for_a_decision_or_for_none(yard: Yard):
    task = yard.task(auto_enqueue=True)
    manual = change(yard, task, approval_policy=ApprovalPolicy.MANUAL)
    assert (manual.status, manual.approval_state) == (TaskStatus.BLOCKED, TaskApproval.PENDING)
    freed = change(yard, task, approval_policy=ApprovalPolicy.NONE)
    assert (freed.status, freed.approval_state) == (TaskStatus.READY, TaskApproval.NOT_REQUIRED)
    # Nothing blocks it any more, and it asks for a run as soon as that is so.
    assert freed.open_run_id is not None


def test_a_policy_holds_back_the_run_that_is_queued(yard: Yard):
    task = yard.task()
    yard.queue(task)
    change(yard, task, approval_policy=ApprovalPolicy.MANUAL)
    assert yard.claim_next(yard.session()) is None
    change(yard, task, approval_policy=ApprovalPolicy.NONE)
    assert yard.claim_next(yard.session()) is not None


def test_a_queued_run_follows_its_tasks_priority_and_owner(yard: Yard):
    low, other = yard.task(priority=2), yard.task(priority=4)
    for task in (low, other):
        yard.queue(task)
    change(yard, low, priority=8, owner=Actor("pool", "tester"))
    first = yard.claim_next(yard.session())
    assert first is not None
    assert first.task.id == other.id
    second = yard.claim_next(yard.session("tester"))
    assert second is not None
    assert (second.task.id, second.run.priority) == (low.id, 8)


def test_a_run_that_comes_back_follows_what_was_said_meanwhile(yard: Yard):
    low, other = yard.task(priority=2), yard.task(priority=4)
    yard.queue(low)
    assert yard.claim_next(yard.session()) is not None
    change(yard, low, priority=8)
    yard.queue(other)
    yard.after(seconds=301)
    back = yard.claim_next(yard.session())
    assert back is not None
    assert back.task.id == low.id


def counted(tx: Tx) -> tuple[Counter[Any], Counter[Any]]:
    """What the sums say, but for zeros: numbers by key and name."""
    found: tuple[Counter[Any], Counter[Any]] = (Counter(), Counter())
    key = "project_id, workspace_id, owner_kind, owner_ref, channel, origin_kind"
    run_key = f"{key}, run_channel, run_origin_kind"
    for which, table, of, names in ((0, "task_sums", key, TASK_SUMS), (1, "task_run_sums", run_key, RUN_SUMS)):
        width = len(of.split(", "))
        for row in tx.rows(f"SELECT {of}, {', '.join(names)} FROM {table}"):
            found[which].update({(row[:width], name): n for name, n in zip(names, row[width:], strict=True) if n})
    return found


def recounted(tx: Tx) -> tuple[Counter[Any], Counter[Any]]:
    """What they should say."""
    found: tuple[Counter[Any], Counter[Any]] = (Counter(), Counter())
    ids = [row[0] for row in tx.rows("SELECT id FROM tasks")]
    for task in tasks_sql.get(tx, ids).values():
        told = zip(TASK_SUMS, task_tally(task), strict=True)
        found[0].update({(task_key(task), name): n for name, n in told if n})
        for row in task_runs_sql.of_task(tx, task.id, 10):
            told = zip(RUN_SUMS, of_runs([], [(task, row)])[run_key(task, row)], strict=True)
            found[1].update({(run_key(task, row), name): n for name, n in told if n})
    return found


def test_the_sums_follow_the_owner_and_the_channel(yard: Yard):
    task = yard.task(owner=Actor("human", "ann"))
    fail(yard, yard.queue(task))
    yard.queue(task)
    for said in ({"owner": Actor("human", "bob"), "channel": "talk"}, {"priority": 8}, {"owner": None}):
        change(yard, task, **said)
        assert yard.store.look(counted) == yard.store.look(recounted)
    assert {key[0][3] for key in yard.store.look(counted)[0]} == {""}
