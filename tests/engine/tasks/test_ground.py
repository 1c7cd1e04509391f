"""Tasks and their runs keep each other up to date, whoever moves the runs."""

from __future__ import annotations

import pytest

from runyard.domain.actors import Actor
from runyard.domain.errors import AlreadyExists, Conflict
from runyard.domain.profiles import Participants, Profile, Worker
from runyard.domain.tasks import ApprovalPolicy, Lane, Stage, Task, TaskStatus, conditions_of
from tests.support.yard import Yard


def test_a_task_is_ready_then_in_progress_then_completed(yard: Yard):
    task = yard.task()
    assert task.status is TaskStatus.READY
    row = yard.queue(task)
    handed = yard.claim_next(yard.session())
    assert handed is not None
    assert (handed.run.id, handed.row.stage, handed.task.status) == (row.run_id, Stage.CLAIMED, TaskStatus.READY)
    assert handed.task.current_run_id == row.run_id
    assert [line.type for line in yard.timeline(task)] == ["task.created", "task.run_enqueued", "task.run_claimed"]


def test_a_session_has_one_run_at_a_time(yard: Yard):
    session = yard.session()
    for _ in range(2):
        yard.queue(yard.task())
    assert yard.claim_next(session) is not None
    with pytest.raises(Conflict, match="has a run already"):
        yard.claim_next(session)
    assert yard.claim_next(yard.session()) is not None
    assert yard.claim_next(yard.session()) is None


def test_an_expired_lease_gives_the_run_back_with_its_attempt(yard: Yard):
    task = yard.task()
    row = yard.queue(task)
    first, second = yard.session(), yard.session()
    assert yard.claim_next(first) is not None
    yard.after(seconds=301)
    assert [line.type for line in yard.timeline(task)][-1] == "task.run_lease_expired"
    handed = yard.claim_next(second)
    assert handed is not None
    assert (handed.row.run_id, handed.row.attempt, handed.row.queued_at) == (row.run_id, 1, row.queued_at)
    assert yard.claim_next(first) is None


def test_cancelling_the_run_cancels_the_task(yard: Yard):
    task = yard.task()
    row = yard.queue(task)
    yard.cancel(row.run_id)
    now = yard.task_now(task)
    assert (now.status, now.open_run_id, now.last_stage) == (TaskStatus.CANCELED, None, Stage.CANCELED)
    assert now.closed_at is not None


def test_a_task_that_waits_for_a_decision_is_not_handed_out(yard: Yard):
    task = yard.task(approval_policy=ApprovalPolicy.MANUAL)
    assert (task.status, task.lane) == (TaskStatus.BLOCKED, Lane.APPROVALS)
    yard.queue(task)
    assert yard.claim_next(yard.session()) is None


def test_a_name_that_is_chosen_is_one_task(yard: Yard):
    assert yard.task(id="ship-it").id == "1~ship-it"
    with pytest.raises(AlreadyExists):
        yard.task(id="ship-it")


@pytest.mark.parametrize(
    ("owner", "profile", "agent", "offered", "taken"),
    [
        (None, None, "coder", (), True),
        (Actor("pool", "coder"), None, "coder", (), True),
        (Actor("pool", "coder"), None, "tester", (), False),
        (Actor("human", "ann"), None, "coder", (), False),
        (None, Profile(worker=Worker(required_capabilities=("go",))), "coder", (), False),
        (None, Profile(worker=Worker(required_capabilities=("go",))), "coder", ("go", "c"), True),
        (None, Profile(worker=Worker(agent_name="tester")), "coder", (), False),
        (None, Profile(worker=Worker(allowed_agent_names=("a", "coder"))), "coder", (), True),
        (None, Profile(participants=Participants(allowed_agent_names=("a",))), "coder", (), False),
    ],
)
def test_who_may_take_a_run(yard: Yard, owner, profile, agent, offered, taken):
    task: Task = yard.task(owner=owner)
    tokens = conditions_of(task, profile, None)
    from runyard.domain.eligibility import Offer, conditions

    assert conditions(tokens.tokens) == tokens
    offer = Offer(session_id="s", agent=agent, workspace_id=None, channel=None, capabilities=frozenset(offered))
    assert tokens.met_by(offer) is taken


def test_the_highest_priority_goes_first_and_then_the_longest_queued(yard: Yard):
    tasks = [yard.task(priority=priority) for priority in (4, 8, 2, 8)]
    rows = [yard.queue(task) for task in tasks]
    got = [yard.claim_next(yard.session()) for _ in rows]
    assert [one and one.task.id for one in got] == [tasks[at].id for at in (1, 3, 0, 2)]


def test_low_priorities_are_left_to_others(yard: Yard):
    yard.queue(yard.task(priority=4))
    assert yard.claim_next(yard.session(), least_priority=6) is None
    assert yard.claim_next(yard.session(), least_priority=4) is not None
