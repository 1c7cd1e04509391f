"""Children: a run waits for those it started, holding no slot, and goes on when all have ended."""

from __future__ import annotations

import threading

import pytest

from runyard.domain.states import RunState
from runyard.engine.claims import Granted
from tests.support.yard import SECOND, Yard


def parked(yard: Yard, children: int = 2) -> tuple[Granted, list[Granted]]:
    """A run that waits for its children, all of which are held."""
    parent = yard.running()
    yard.create_many(children, parent_id=parent.run.id)
    granted = yard.claim(children)
    yard.park(parent)
    return parent, granted


def test_a_run_that_waits_for_its_children_goes_on_when_the_last_has_ended(yard: Yard):
    parent, (one, other) = parked(yard)
    assert yard.state(parent) is RunState.WAITING
    yard.complete(one)
    assert yard.state(parent) is RunState.WAITING
    yard.complete(other)
    run = yard.run(parent)
    assert (run.state, run.waiting_for, run.attempt) == (RunState.QUEUED, None, 1)
    assert yard.story(parent) == ["created", "claimed", "started", "waiting", "woken"]
    again = yard.claim_one()
    assert (again.run.id, again.run.epoch) == (parent.run.id, 2)
    assert [attempt.outcome for attempt in yard.attempts(parent)] == ["waiting", None]


@pytest.mark.parametrize("end", ["complete", "bury", "fail", "cancel", "expire", "time_out"])
def test_every_kind_of_end_of_a_child_counts(yard: Yard, end: str):
    parent = yard.running()
    child = yard.create(
        parent_id=parent.run.id,
        ttl=SECOND if end == "expire" else None,
        policy={"timeout": SECOND, "max_attempts": 1, "dead_letter": end != "fail"},
    )
    yard.park(parent)
    if end == "cancel":
        yard.cancel(child)
    elif end != "expire":
        granted = yard.claim_one()
        match end:
            case "complete":
                yard.complete(granted)
            case "bury" | "fail":
                yard.fail(granted)
    yard.after(seconds=1)
    assert yard.state(parent) is RunState.QUEUED


@pytest.mark.parametrize("go_on", ["retry", "release", "pause", "lease"])
def test_a_child_that_goes_on_later_does_not_count_as_ended(yard: Yard, go_on: str):
    parent, (child,) = parked(yard, 1)
    match go_on:
        case "retry":
            yard.fail(child)
        case "release":
            yard.release(child)
        case "pause":
            yard.pause(child)
        case "lease":
            yard.after(seconds=60)
    assert yard.state(parent) is RunState.WAITING


def test_waiting_for_children_that_have_all_ended_is_over_at_once(yard: Yard):
    parent = yard.running()
    yard.create(parent_id=parent.run.id)
    yard.complete(yard.claim_one())
    assert yard.park(parent).state is RunState.QUEUED
    assert yard.story(parent)[-2:] == ["waiting", "woken"]


def test_waiting_for_no_children_is_over_at_once(yard: Yard):
    parent = yard.running()
    assert yard.park(parent).state is RunState.QUEUED


def test_a_run_that_waits_for_something_else_is_not_woken_by_its_children(yard: Yard):
    parent = yard.running()
    yard.create(parent_id=parent.run.id)
    yard.park(parent, "decision")
    yard.complete(yard.claim_one())
    assert yard.state(parent) is RunState.WAITING


def test_children_that_end_while_the_parent_runs_do_not_disturb_it(yard: Yard):
    parent = yard.running()
    yard.create(parent_id=parent.run.id)
    yard.complete(yard.claim_one())
    assert yard.state(parent) is RunState.RUNNING
    assert yard.complete(parent).state is RunState.COMPLETED


def test_children_that_end_in_one_transaction_wake_the_parent_once(yard: Yard):
    from runyard.engine import leases

    parent, children = parked(yard, 5)
    reports = [leases.Complete(project_id=1, run_id=one.run.id, token=one.lease.token) for one in children]
    yard.store.transact(leases.complete, reports)
    assert yard.story(parent).count("woken") == 1


def test_ends_travel_up_the_tree(yard: Yard):
    top = yard.running()
    yard.create(parent_id=top.run.id)
    middle = yard.claim_one()
    yard.park(top)
    yard.create(parent_id=middle.run.id)
    bottom = yard.claim_one()
    yard.park(middle)
    yard.complete(bottom)
    assert (yard.state(middle), yard.state(top)) == (RunState.QUEUED, RunState.WAITING)
    yard.complete(yard.claim_one())
    assert yard.state(top) is RunState.QUEUED


def test_a_waiting_run_holds_no_place_in_its_lane(yard: Yard):
    yard.job(max_concurrency=1)
    parent = yard.running(job="job")
    child = yard.create(job="job", parent_id=parent.run.id)
    assert yard.claim() == []
    yard.park(parent)
    granted = yard.claim_one()
    assert granted.run.id == child.id
    yard.complete(granted)
    assert yard.claim_one().run.id == parent.run.id


def test_waiting_too_long_for_children_times_the_run_out(yard: Yard, clock):
    parent = yard.running()
    yard.create(parent_id=parent.run.id)
    yard.park(parent, until=clock.now() + 5 * SECOND)
    yard.after(seconds=5)
    assert yard.state(parent) is RunState.TIMED_OUT
    yard.complete(yard.claim_one())
    assert yard.state(parent) is RunState.TIMED_OUT


def test_a_requeued_child_does_not_stop_a_parent_that_went_on(yard: Yard):
    parent, (child,) = parked(yard, 1)
    yard.fail(child, retryable=False)
    assert yard.state(parent) is RunState.QUEUED
    yard.requeue(child)
    assert yard.state(parent) is RunState.QUEUED


def test_the_last_two_children_ending_on_two_servers_at_once_wake_the_parent(two_servers, clock):
    yards = [Yard(server, clock) for server in two_servers]
    for _ in range(20):
        parent, children = parked(yards[0])
        threads = [
            threading.Thread(target=yard.complete, args=(child,)) for yard, child in zip(yards, children, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert yards[0].state(parent) is RunState.QUEUED
        assert yards[0].story(parent).count("woken") == 1
        yards[0].complete(yards[0].claim_one())
    yards[0].check()


def test_a_parent_that_parks_while_its_last_child_ends_is_not_left_waiting(two_servers, clock):
    yards = [Yard(server, clock) for server in two_servers]
    for _ in range(20):
        parent = yards[0].running()
        yards[0].create(parent_id=parent.run.id)
        child = yards[0].claim_one()
        threads = [
            threading.Thread(target=yards[0].park, args=(parent,)),
            threading.Thread(target=yards[1].complete, args=(child,)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert yards[0].state(parent) is RunState.QUEUED
        yards[0].complete(yards[0].claim_one())
    yards[0].check()
