"""Who wants to be told of a task's end."""

from __future__ import annotations

from typing import Any

import pytest

from runyard.domain.errors import Invalid, NotFound
from runyard.engine import workspaces
from runyard.engine.tasks import deleting, subscriptions
from runyard.engine.workspaces import NewWorkspace
from tests.engine.tasks.bridging import bridge, now, subscribe, told
from tests.engine.tasks.working import finish
from tests.support.stores import AnyStore, Clock
from tests.support.yard import PERSON, Yard


def names(store: AnyStore, task_id: str, **filters: Any) -> list[str]:
    return [one.name for one in store.look(subscriptions.of_task, 1, task_id, **filters)]


def test_subscriptions_of_a_task_are_listed_by_their_last_change(store: AnyStore, yard: Yard, clock: Clock):
    task, one, other = yard.task(), bridge(store), bridge(store)
    for name in ("a", "b"):
        subscribe(store, task, one, name=name)
        clock.forward(seconds=1)
    subscribe(store, task, other, name="c")
    clock.forward(seconds=1)
    subscribe(store, task, one, name="a", group_id="ops")
    assert names(store, task.id) == ["a", "c", "b"]
    assert names(store, task.id, limit=2) == ["a", "c"]
    assert names(store, task.id, bridge_id=other.id) == ["c"]
    assert names(store, task.id, is_global=False) == []
    assert yard.task_now(task).subscriptions == 3


def test_a_subscription_of_the_same_name_is_overwritten_and_keeps_its_place(store: AnyStore, yard: Yard, clock: Clock):
    task, over = yard.task(max_attempts=1), bridge(store)
    first = subscribe(store, task, over, name="mine")
    finish(yard, yard.queue(task))
    assert len(told(store)) == 1
    clock.forward(seconds=5)
    again = subscribe(store, task, over, name="mine", group_id="ops", thread_id="7")
    assert (again.id, again.created_at, again.peer_id, again.group_id) == (first.id, first.created_at, None, "ops")
    assert again.last_sequence == now(store, first).last_sequence > 0
    assert told(store) == [], "nothing is told twice"


def test_a_subscription_moves_to_another_task_and_begins_anew(store: AnyStore, yard: Yard):
    task, other, over = yard.task(), yard.task(), bridge(store)
    subscribe(store, task, over, name="mine")
    finish(yard, yard.queue(task))
    finish(yard, yard.queue(other))
    assert len(told(store)) == 1
    moved = subscribe(store, other, over, name="mine")
    assert (moved.last_sequence, moved.last_delivery_id) == (0, None)
    assert [yard.task_now(one).subscriptions for one in (task, other)] == [0, 1]
    assert [one["data"]["task_id"] for one in told(store)] == [other.id]


@pytest.mark.parametrize(
    "said",
    [
        {"peer_id": None},
        {"peer_id": None, "thread_id": "1"},
        {"peer_id": ""},
        {"peer_id": "x" * 257},
        {"name": "a b"},
        {"name": ""},
        {"name": "x" * 129},
    ],
)
def test_a_subscription_says_whom_to_tell(store: AnyStore, yard: Yard, said: dict[str, Any]):
    task, over = yard.task(), bridge(store)
    with pytest.raises(Invalid):
        subscribe(store, task, over, **said)
    assert yard.task_now(task).subscriptions == 0


def test_the_bridge_must_be_of_the_tasks_own_workspace(store: AnyStore, yard: Yard):
    workspace = store.transact(workspaces.create, 1, NewWorkspace(root_dir="/w"))
    local = yard.task(workspace_id=workspace.id)
    with pytest.raises(Invalid, match="workspace"):
        subscribe(store, local, bridge(store))
    with pytest.raises(Invalid, match="workspace"):
        subscribe(store, yard.task(), bridge(store, workspace=workspace.id))
    one = subscribe(store, local, bridge(store, workspace="/w"))
    assert names(store, local.id, workspace_id=workspace.id, is_global=False) == [one.name]


def test_subscriptions_of_other_tasks_are_not_there(store: AnyStore, yard: Yard):
    task, other, over = yard.task(), yard.task(), bridge(store)
    one = subscribe(store, task, over, name="mine")
    for op in (subscriptions.find, subscriptions.delete):
        with pytest.raises(NotFound):
            store.transact(op, 1, other.id, "mine")
        with pytest.raises(NotFound):
            store.transact(op, 2, task.id, "mine")
    assert store.look(subscriptions.find, 1, task.id, one.id) == one
    store.transact(subscriptions.delete, 1, task.id, one.id)
    assert yard.task_now(task).subscriptions == 0
    with pytest.raises(NotFound):
        now(store, one)


def test_a_task_has_only_so_many_and_takes_them_along(store: AnyStore, yard: Yard, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(subscriptions, "MOST", 2)
    task, over = yard.task(), bridge(store)
    for name in ("a", "b", "a"):
        subscribe(store, task, over, name=name)
    with pytest.raises(Invalid, match="2 subscriptions"):
        subscribe(store, task, over)
    store.transact(deleting.delete, 1, task.id, PERSON)
    assert store.look(lambda tx: tx.rows("SELECT id FROM subscriptions")) == []
