"""Ends of tasks are told: the right ones, once each, in order, and again until they are taken."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from runyard.domain.bridges import BridgeState, Subscription
from runyard.engine.tasks import bridges, canceling, changing, notifying, operating
from runyard.engine.tasks.changing import Change
from tests.engine.tasks.bridging import bridge, due, now, see, settle, subscribe, told
from tests.engine.tasks.working import begin, fail, finish
from tests.support import judging
from tests.support.stores import AnyStore, Clock
from tests.support.yard import PERSON, SECOND, Yard


def types(messages: list[dict[str, Any]]) -> list[str]:
    return [one["type"] for one in messages]


def sequence(yard: Yard, one: Subscription, type: str) -> int:
    """The number of the last line of that kind."""
    return next(line.seq for line in reversed(yard.timeline(one.task_id)) if line.type == type)


def test_a_completed_task_is_told_once_with_the_id_of_its_line(store: AnyStore, yard: Yard, clock: Clock):
    task = yard.task("write the docs")
    one = subscribe(store, task, bridge(store), group_id="ops", thread_id="7", name="docs")
    assert told(store) == [], "nothing has ended"
    row = yard.queue(task)
    finish(yard, row)
    (message,) = told(store)
    seq = sequence(yard, one, "task.run_completed")
    assert message["id"] == message["data"]["delivery_id"] == f"notif:docs:{seq}"
    data = message["data"]
    assert (message["type"], data["status"], data["task_id"], data["run_id"]) == (
        "task.run_completed", "completed", task.id, row.run_id,
    )  # fmt: skip
    assert data["target"] == {"peer_id": None, "group_id": "ops", "thread_id": "7", "mode": "direct-send"}
    assert data["text"] == "Task “write the docs” has ended as completed"
    after = now(store, one)
    assert (after.last_delivery_id, after.last_delivered_at, after.last_error) == (message["id"], clock.now(), None)
    assert after.last_sequence == seq
    assert (after.held, after.look_at, after.cursor_at) == (0, None, clock.now())
    assert due(store) == []


def test_a_failure_with_attempts_left_waits_and_is_passed_over_once_the_task_is_completed(store: AnyStore, yard: Yard):
    task = yard.task()
    one = subscribe(store, task, bridge(store))
    fail(yard, yard.queue(task))
    assert told(store) == []
    waiting = now(store, one)
    failed = sequence(yard, one, "task.run_failed")
    assert 0 < waiting.last_sequence < failed, "lines before it need no more attention"
    assert waiting.look_at is None, "nobody looks before something ends"
    finish(yard, yard.queue(task))
    assert types(told(store)) == ["task.run_completed"]
    assert now(store, one).last_sequence == sequence(yard, one, "task.run_completed")


def test_the_last_failure_says_why(store: AnyStore, yard: Yard):
    task = yard.task("t", max_attempts=1)
    subscribe(store, task, bridge(store))
    fail(yard, yard.queue(task))
    (message,) = told(store)
    assert (message["type"], message["data"]["error"]) == ("task.run_failed", "it broke")
    assert message["data"]["text"] == "Task “t” has ended as failed: it broke"


def test_a_failure_that_becomes_final_by_a_change_of_the_task_is_told(store: AnyStore, yard: Yard):
    task = yard.task(max_attempts=2)
    subscribe(store, task, bridge(store))
    fail(yard, yard.queue(task))
    assert told(store) == []
    store.transact(changing.change, 1, task.id, Change(max_attempts=1), PERSON)
    assert types(told(store)) == ["task.run_failed"]


def test_a_canceled_run_and_the_canceled_task_are_both_told_one_by_one(store: AnyStore, yard: Yard):
    task = yard.task()
    one = subscribe(store, task, bridge(store))
    yard.queue(task)
    store.transact(canceling.cancel, 1, task.id, PERSON, reason="no more")
    (first,) = due(store)
    assert due(store) == [], "somebody has it"
    assert first.message is not None
    settle(store, first)
    assert now(store, one).last_sequence == sequence(yard, one, "task.run_canceled")
    (rest,) = told(store)
    assert (rest["type"], rest["data"]["run_id"]) == ("task.canceled", None)
    assert rest["data"]["event"]["reason"] == "no more"


def test_children_are_not_told(store: AnyStore, yard: Yard):
    parent = yard.task()
    subscribe(store, parent, bridge(store))
    finish(yard, yard.queue(yard.task(parent=parent)))
    assert told(store) == []


def test_an_end_that_is_true_no_more_is_passed_over_with_an_error(store: AnyStore, yard: Yard):
    task, over = yard.task(), bridge(store, enabled=False)
    one = subscribe(store, task, over)
    finish(yard, yard.queue(task))
    assert told(store) == []
    # Nothing was told before the next run was canceled.
    store.transact(operating.cancel, 1, yard.queue(task).run_id, PERSON)
    store.transact(bridges.enable, 1, over.id)
    assert types(told(store)) == ["task.run_canceled"]
    assert now(store, one).last_error is None, "what was told last was told well"


def test_only_disagreement_leaves_an_error_and_moves_the_cursor(store: AnyStore, yard: Yard):
    task = yard.task(max_attempts=2)
    row = judging.ended(yard, task)
    # The run is done; the line of an earlier failure says otherwise.
    line = "UPDATE task_events SET type = 'task.run_failed' WHERE task_id = :task_id AND type = 'task.run_completed'"
    store.transact(lambda tx: tx.run(line, task_id=task.id))
    one = subscribe(store, task, bridge(store))
    assert told(store) == []
    after = now(store, one)
    assert "says failed, and the task is completed" in (after.last_error or "")
    assert after.last_sequence == yard.timeline(task)[-1].seq
    assert row.task_id == task.id


def test_what_is_not_taken_is_sent_again_with_the_same_id_later_and_later(store: AnyStore, yard: Yard, clock: Clock):
    task, over = yard.task(), bridge(store)
    one = subscribe(store, task, over)
    finish(yard, yard.queue(task))
    ids, waits = set(), []
    for _ in range(3):
        (message,) = told(store, error="answered with status 500 to Bearer abcdefghijkl " + "é" * 2000)
        ids.add(message["id"])
        failed = now(store, one)
        assert failed.last_sequence < sequence(yard, one, "task.run_completed")
        assert failed.look_at is not None
        waits.append((failed.look_at - clock.now()) / SECOND)
        assert due(store) == []
        clock.forward(micros=failed.look_at - clock.now())
    assert len(ids) == 1
    assert waits == sorted(waits)
    assert 4 < waits[0] < 6
    assert 18 < waits[2] < 22
    assert len((now(store, one).last_error or "").encode()) <= 2048
    assert "abcdefghijkl" not in (now(store, one).last_error or "")
    assert (see(store, over).state, see(store, over).last_error) == (BridgeState.FAILING, now(store, one).last_error)
    assert {message["id"] for message in told(store)} == ids
    assert (now(store, one).last_error, now(store, one).failures) == (None, 0)
    assert (see(store, over).state, see(store, over).last_error) == (BridgeState.READY, None)


def test_over_a_disabled_bridge_nothing_is_sent_until_it_is_enabled(store: AnyStore, yard: Yard):
    task, over = yard.task(), bridge(store)
    one = subscribe(store, task, over)
    store.transact(bridges.disable, 1, over.id)
    finish(yard, yard.queue(task))
    assert told(store) == []
    assert "disabled" in (now(store, one).last_error or "")
    store.transact(bridges.enable, 1, over.id)
    assert types(told(store)) == ["task.run_completed"]


def test_a_suppressed_bridge_moves_on_silently(store: AnyStore, yard: Yard):
    task, over = yard.task(), bridge(store, suppressed=True)
    one = subscribe(store, task, over)
    finish(yard, yard.queue(task))
    assert told(store) == []
    after = now(store, one)
    assert (after.last_sequence, after.last_error, after.last_delivery_id) == (yard.timeline(task)[-1].seq, None, None)


def test_what_ended_before_is_told_to_a_new_subscription(store: AnyStore, yard: Yard):
    task = yard.task()
    finish(yard, yard.queue(task))
    subscribe(store, task, bridge(store))
    assert types(told(store)) == ["task.run_completed"]


def test_what_ends_while_somebody_tells_is_told_afterwards_and_not_twice(store: AnyStore, yard: Yard):
    task = yard.task()
    one = subscribe(store, task, bridge(store))
    finish(yard, yard.queue(task))
    (under_way,) = due(store)
    finish(yard, yard.queue(task))
    assert due(store) == [], "it is being told"
    settle(store, under_way)
    assert [one["data"]["sequence"] for one in told(store)] == [sequence(yard, one, "task.run_completed")]


def test_who_takes_too_long_changes_nothing(store: AnyStore, yard: Yard, clock: Clock):
    task = yard.task()
    one = subscribe(store, task, bridge(store))
    finish(yard, yard.queue(task))
    (late,) = due(store)
    clock.forward(micros=notifying.LEASE)
    (again,) = due(store)
    assert late.message is not None
    assert again.message is not None
    assert again.message.id == late.message.id
    settle(store, late, "too late")
    assert now(store, one).held == 1
    settle(store, again)
    assert now(store, one).last_delivery_id == again.message.id


def test_who_is_deleted_or_moved_meanwhile_is_left_alone(store: AnyStore, yard: Yard):
    task, other, over = yard.task(), yard.task(), bridge(store)
    one = subscribe(store, task, over, name="mine")
    finish(yard, yard.queue(task))
    (under_way,) = due(store)
    subscribe(store, other, over, name="mine")
    settle(store, under_way)
    moved = now(store, msgspec.structs.replace(one, task_id=other.id))
    assert (moved.last_sequence, moved.held) == (0, 0)
    finish(yard, yard.queue(other))
    assert [message["data"]["task_id"] for message in told(store)] == [other.id]


def test_secrets_in_what_is_told_are_struck(store: AnyStore, yard: Yard):
    task = yard.task("about ry_abcdefghijklmnop")
    subscribe(store, task, bridge(store))
    row = yard.queue(task)
    begin(yard, row)
    result = {
        "api_key": "k1",
        "deep": [{"Access-Token": "k2", "say": "Bearer abcdefghijkl"}],
        "tokens": 12,
        "ok": "yes",
    }
    store.transact(operating.complete, 1, row.run_id, PERSON, result=json.dumps(result))
    (message,) = told(store)
    assert message["data"]["event"]["result"] == {
        "api_key": "[redacted]",
        "deep": [{"Access-Token": "[redacted]", "say": "Bearer [redacted]"}],
        "tokens": 12,
        "ok": "yes",
    }
    assert "abcdefghijkl" not in json.dumps(message)


def test_long_timelines_are_looked_through_piece_by_piece(store: AnyStore, yard: Yard, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(notifying, "LINES", 2)
    tasks = [yard.task() for _ in range(3)]
    over = bridge(store)
    for task in tasks:
        finish(yard, yard.queue(task))
        finish(yard, yard.queue(task))
        subscribe(store, task, over)
    assert sorted(one["data"]["task_id"] for one in told(store)) == sorted(task.id for task in tasks for _ in range(2))


def test_two_servers_take_different_subscriptions(two_servers: tuple[AnyStore, AnyStore], clock: Clock):
    first, second = two_servers
    yard, over = Yard(first, clock), bridge(first)
    for _ in range(4):
        task = yard.task()
        subscribe(first, task, over)
    mine = first.transact(notifying.take, 2)
    theirs = second.transact(notifying.take, 20)
    assert len(mine) == len(theirs) == 2
    assert {one.id for one in mine}.isdisjoint(one.id for one in theirs)
