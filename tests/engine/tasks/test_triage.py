"""Triage: what somebody has seen of a task follows the task, and nobody else notices."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from runyard.domain.actors import Actor
from runyard.domain.errors import NotFound
from runyard.domain.inbox import InboxLane, Mark, Triage, TriageVerb
from runyard.domain.tasks import ApprovalPolicy, Task
from runyard.engine.tasks import deciding, deleting, inbox, triage
from runyard.engine.tasks.shelves import Count, Wanted
from runyard.storage.port import Tx
from runyard.storage.postgres import PostgresStore
from runyard.storage.statements import inbox as inbox_sql
from runyard.storage.statements import triage as sql
from runyard.storage.statements.inbox import Marked, Where
from tests.support.meanwhile import meanwhile
from tests.support.stores import Clock
from tests.support.yard import PERSON, Yard

ANN, BOB = Actor("human", "ann"), Actor("human", "bob")
READ, ARCHIVE, DISMISS = TriageVerb.READ, TriageVerb.ARCHIVE, TriageVerb.DISMISS


def look(yard: Yard, task: Task, verb: TriageVerb = READ, actor: Actor = ANN) -> Triage:
    """Triage the task."""
    return yard.store.transact(triage.triage, yard.project_id, task.id, actor, verb)


def record(yard: Yard, task: Task, actor: Actor = ANN) -> Triage | None:
    """What the actor has seen of the task."""
    return yard.store.look(sql.of_actor, yard.project_id, actor, [task.id]).get(task.id)


def mark(yard: Yard, task: Task, actor: Actor = ANN) -> Mark | None:
    """How that stands."""
    found = record(yard, task, actor)
    return found.mark if found is not None else None


def test_a_record_says_by_itself_how_it_stands(yard: Yard):
    task = yard.task(approval_policy=ApprovalPolicy.MANUAL)
    for verb, expected in ((READ, Mark.READ), (DISMISS, Mark.DISMISSED), (READ, Mark.READ), (DISMISS, Mark.DISMISSED)):
        assert look(yard, task, verb).mark is expected
    look(yard, task, ARCHIVE, BOB)
    yard.clock.forward(seconds=1)
    yard.store.transact(deciding.reject, 1, task.id, PERSON)
    assert (mark(yard, task), mark(yard, task, BOB)) == (Mark.UNREAD, Mark.ARCHIVED)
    assert look(yard, task, DISMISS, BOB).mark is Mark.ARCHIVED


def test_the_task_says_that_it_was_seen_and_is_as_it_was(yard: Yard):
    task = yard.task()
    yard.clock.forward(seconds=1)
    look(yard, task)
    now = yard.task_now(task)
    assert (now.triaged, now.updated_at, now.active_at) == (1, task.updated_at, task.active_at)
    assert len(yard.timeline(task)) == 1
    look(yard, task, actor=BOB)
    assert yard.task_now(task) == now


def test_records_go_with_their_task(yard: Yard):
    task = yard.task(approval_policy=ApprovalPolicy.MANUAL)
    look(yard, task, ARCHIVE)
    look(yard, task, READ, BOB)
    yard.store.transact(deleting.delete, 1, task.id, PERSON)
    for actor in (ANN, BOB):
        assert record(yard, task, actor) is None
        standing = yard.store.look(inbox_sql.standing, Where(project_id=1), actor, claims=1)
        assert set(standing.marks.values()) <= {Marked()}, "sums of nothing"
        assert all(group.count == Count(0, 0) for group in yard.store.look(inbox.look, _wanted(actor), 5))


def _wanted(actor: Actor) -> Wanted:
    return Wanted(project_id=1, actor=actor)


@pytest.mark.parametrize("engine", ["sqlite"])
def test_what_is_not_there_cannot_be_seen(yard: Yard):
    other = Yard(yard.store, yard.clock, project_id=2)
    theirs = other.task()
    for unknown in ("nothing", "\0", theirs.id):
        with pytest.raises(NotFound):
            yard.store.transact(triage.triage, 1, unknown, ANN, READ)
    assert other.task_now(theirs).triaged == 0


@pytest.mark.parametrize("mover_waits", [True, False])
def test_who_looks_and_who_moves_the_task_wait_for_each_other(
    two_servers: tuple[PostgresStore, PostgresStore], clock: Clock, *, mover_waits: bool
):
    here, there = (Yard(store, clock) for store in two_servers)
    task = here.task(approval_policy=ApprovalPolicy.MANUAL)
    look(here, task, READ, BOB)
    clock.forward(seconds=1)
    ops = [
        lambda tx: triage.triage(tx, 1, task.id, ANN, READ),
        lambda tx: deciding.reject(tx, 1, task.id, PERSON),
    ]
    first, second = ops if mover_waits else reversed(ops)
    with ExitStack() as stack:

        def op(tx: Tx) -> None:
            first(tx)
            stack.enter_context(meanwhile(here.store, lambda: there.store.transact(second)))

        here.store.transact(op)
    assert (mark(here, task), mark(here, task, BOB)) == (Mark.UNREAD if mover_waits else Mark.READ, Mark.UNREAD)
    for actor, unread in ((ANN, int(mover_waits)), (BOB, 1)):
        (group,) = [one for one in here.store.look(inbox.look, _wanted(actor), 5) if one.lane is InboxLane.BLOCKED]
        assert (group.count, len(group.items)) == (Count(1, unread), 1)
