"""Bulk actions: durable, in slices, each run once."""

from __future__ import annotations

import msgspec
import pytest

from runyard.domain.errors import Conflict, Invalid, NotFound
from runyard.domain.states import RunState
from runyard.engine import bulks
from runyard.engine.filters import Filter
from runyard.storage.statements import attempts
from tests.support.yard import Yard


def ask(store, action="cancel", project_id=1, **said):
    return store.transact(bulks.create, project_id, action=action, **said)


def carry_out(store, limit=15):
    """All slices of all bulk actions; how many there were."""
    for slices in range(1000):
        if store.transact(bulks.advance, limit) is None:
            return slices
    raise AssertionError("the bulk actions have no end")


def outcome(store, bulk):
    found = store.look(bulks.get, bulk.project_id, bulk.id)
    return found.state, found.total, found.done, found.failed


def states(yard, made):
    return {yard.state(run).value for run in made}


def test_the_runs_named_are_acted_upon(store, yard):
    made = yard.create_many(5)
    bulk = ask(store, ids=[run.id for run in made[:3]])
    assert (bulk.state, bulk.total, bulk.done) == ("running", 3, 0)
    assert states(yard, made) == {"queued"}
    carry_out(store)
    assert outcome(store, bulk) == ("finished", 3, 3, 0)
    assert states(yard, made[:3]) == {"canceled"}
    assert states(yard, made[3:]) == {"queued"}


def test_the_runs_that_meet_a_filter_are_acted_upon(store, yard):
    red = yard.create_many(3, tags=["red"])
    other = yard.create_many(2)
    bulk = ask(store, filter=Filter(tags=(("red", None),)))
    carry_out(store)
    assert outcome(store, bulk) == ("finished", 3, 3, 0)
    assert states(yard, red) == {"canceled"}
    assert states(yard, other) == {"queued"}


def test_each_slice_is_a_step_of_its_own(store, yard):
    made = yard.create_many(7)
    bulk = ask(store, filter=Filter())
    assert carry_out(store, limit=2) == 4
    assert outcome(store, bulk) == ("finished", 7, 7, 0)
    assert states(yard, made) == {"canceled"}


@pytest.mark.parametrize(
    ("action", "state"),
    [("requeue", "queued"), ("discard", "failed"), ("resolve", "dead_letter")],
)
def test_dead_letters_are_handled_in_bulk(store, yard, action, state):
    dead = [yard.buried() for _ in range(3)]
    live = yard.create()
    bulk = ask(store, action, filter=Filter(), actor="key:boss", reason="spring cleaning")
    carry_out(store)
    assert outcome(store, bulk) == ("finished", 3, 3, 0)
    assert states(yard, dead) == {state}
    assert yard.state(live) is RunState.QUEUED
    if action != "requeue":
        assert all("spring cleaning" in (yard.run(run).resolution or "") for run in dead)


@pytest.mark.parametrize(("action", "link"), [("replay", "replay_of"), ("retry", "retry_of")])
def test_ended_runs_are_run_again_in_bulk_and_only_once(store, yard, action, link):
    dead = [yard.buried() for _ in range(3)]
    bulk = ask(store, action, filter=Filter(states=(RunState.DEAD_LETTER,)))
    carry_out(store, limit=1)
    assert outcome(store, bulk) == ("finished", 3, 3, 0)
    again = [granted.run for granted in yard.claim(10)]
    assert sorted(getattr(run, link) for run in again) == sorted(run.id for run in dead)


def test_resolved_runs_are_not_resolved_again(store, yard):
    yard.resolve(yard.buried())
    assert outcome(store, ask(store, "resolve", filter=Filter())) == ("finished", 0, 0, 0)


def test_what_cannot_be_done_is_told_run_by_run(store, yard):
    done = yard.running()
    yard.complete(done)
    live = yard.create()
    bulk = ask(store, ids=[done.run.id, "nonsense", "a\0b", live.id])
    carry_out(store)
    assert outcome(store, bulk) == ("finished", 4, 1, 3)
    errors = msgspec.json.decode(store.look(bulks.get, 1, bulk.id).errors)
    assert [(error["run_id"], error["code"]) for error in errors] == [
        (done.run.id, "illegal_move"),
        ("nonsense", "not_found"),
        ("a\0b", "not_found"),
    ]
    assert all(error["detail"] for error in errors)


def test_only_the_first_failures_are_told(store, yard, monkeypatch):
    monkeypatch.setattr(bulks, "ERRORS", 3)
    bulk = ask(store, ids=[f"none-{n}" for n in range(7)])
    carry_out(store, limit=2)
    found = store.look(bulks.get, 1, bulk.id)
    assert (found.failed, len(msgspec.json.decode(found.errors))) == (7, 3)


def test_another_projects_runs_are_out_of_reach(store, yard):
    run = yard.create()
    named = ask(store, project_id=2, ids=[run.id])
    filtered = ask(store, project_id=2, filter=Filter())
    carry_out(store)
    assert outcome(store, named) == ("finished", 1, 0, 1)
    assert outcome(store, filtered) == ("finished", 0, 0, 0)
    assert yard.state(run) is RunState.QUEUED
    with pytest.raises(NotFound):
        store.look(bulks.get, 1, named.id)
    with pytest.raises(NotFound):
        store.transact(bulks.cancel, 1, named.id)


def test_a_dry_run_counts_and_does_nothing(store, yard):
    made = yard.create_many(4)
    done = yard.running(priority=9)
    yard.complete(done)
    counted = ask(store, filter=Filter(), dry_run=True)
    assert (counted.state, counted.total, counted.dry_run) == ("finished", 4, True)
    named = ask(store, ids=[made[0].id, done.run.id, "nonsense", "a\0b"], dry_run=True)
    assert (named.state, named.total) == ("finished", 1)
    assert carry_out(store) == 0
    assert states(yard, made) == {"queued"}


def test_many_runs_are_counted_in_slices(store, yard, monkeypatch):
    monkeypatch.setattr(bulks, "COUNTED", 3)
    made = yard.create_many(8)
    counted = ask(store, filter=Filter(), dry_run=True)
    assert (counted.state, counted.total) == ("counting", 3)
    bulk = ask(store, ids=[run.id for run in made])
    assert (bulk.state, bulk.total) == ("counting", 3)
    carry_out(store)
    assert outcome(store, counted) == ("finished", 8, 0, 0)
    assert outcome(store, bulk) == ("finished", 8, 8, 0)


def test_runs_made_after_the_action_was_asked_for_are_not_meant(store, yard):
    yard.create()
    bulk = ask(store, filter=Filter())
    later = yard.create()
    carry_out(store)
    assert outcome(store, bulk) == ("finished", 1, 1, 0)
    assert yard.state(later) is RunState.QUEUED


def test_a_run_named_twice_is_meant_once(store, yard):
    run = yard.create()
    assert ask(store, ids=[run.id, run.id]).total == 1


def test_canceling_stops_what_has_not_been_done(store, yard):
    made = yard.create_many(6)
    bulk = ask(store, ids=[run.id for run in made])
    store.transact(bulks.advance, 2)
    stopped = store.transact(bulks.cancel, 1, bulk.id, actor="key:boss")
    assert (stopped.state, stopped.done) == ("canceled", 2)
    assert stopped.finished_at is not None
    assert carry_out(store) == 0
    assert states(yard, made[2:]) == {"queued"}
    assert store.transact(bulks.cancel, 1, bulk.id) == stopped


def test_a_finished_bulk_action_cannot_be_canceled(store, yard):
    bulk = ask(store, ids=[yard.create().id])
    carry_out(store)
    with pytest.raises(Conflict):
        store.transact(bulks.cancel, 1, bulk.id)


def test_a_large_bulk_action_does_not_keep_small_ones_waiting(store, yard, clock):
    large = ask(store, ids=[run.id for run in yard.create_many(50)])
    small = ask(store, ids=[yard.create().id])
    for _ in range(2):
        clock.forward(seconds=1)
        store.transact(bulks.advance, 5)
    assert outcome(store, small)[0] == "finished"
    assert outcome(store, large)[2] == 5


def test_canceling_a_parent_and_its_child_in_one_action_works(store, yard):
    parent = yard.create()
    child = yard.create(parent_id=parent.id)
    bulk = ask(store, ids=[parent.id, child.id])
    carry_out(store)
    assert outcome(store, bulk) == ("finished", 2, 2, 0)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"ids": []},
        {"ids": ["a"], "filter": Filter()},
        {"ids": [str(n) for n in range(10_001)]},
        {"ids": ["x" * 65]},
        {"action": "explode", "ids": ["a"]},
        {"filter": Filter(payload="{")},
        {"ids": ["a"], "reason": "x" * 5000},
    ],
)
def test_a_bulk_action_that_makes_no_sense_is_refused(store, said):
    with pytest.raises(Invalid):
        ask(store, **said)


@pytest.mark.parametrize("bulk_id", ["", "nonsense", "a\0b"])
def test_an_unknown_bulk_action_is_not_found(store, bulk_id):
    with pytest.raises(NotFound):
        store.look(bulks.get, 1, bulk_id)
    with pytest.raises(NotFound):
        store.transact(bulks.cancel, 1, bulk_id)


def test_bulk_actions_are_listed_newest_first_in_pages(store, yard):
    made = [ask(store, filter=Filter()).id for _ in range(5)]
    first = store.look(bulks.page, 1, limit=2)
    assert [bulk.id for bulk in first] == made[:2:-1]
    assert [bulk.id for bulk in store.look(bulks.page, 1, before=first[-1].id)] == made[2::-1]


def test_two_servers_share_bulk_actions_without_doing_anything_twice(two_servers, yard_on):
    one, other = two_servers
    yard = yard_on(one)
    dead = [yard.buried() for _ in range(9)]
    for _ in range(3):
        ask(one, "replay", ids=[run.id for run in dead[:3]])
        dead = dead[3:]
    while one.transact(bulks.advance, 1) is not None:
        other.transact(bulks.advance, 1)
    assert len(yard.claim(100)) == 9


@pytest.fixture
def yard_on(clock):
    """The engine in short verbs on a given store."""
    from tests.support.yard import Yard

    return lambda store: Yard(store, clock)


def test_the_journal_tells_of_bulk_actions(store, yard):
    ask(store, ids=[yard.create().id], actor="key:boss")
    carry_out(store)
    rows = store.look(lambda tx: tx.rows("SELECT type, actor FROM events WHERE type LIKE 'bulk%' ORDER BY seq"))
    assert rows == [("bulk.created", "key:boss"), ("bulk.finished", None)]


def test_nobody_begins_what_is_about_to_be_canceled(two_servers, clock, monkeypatch):
    here, there = (Yard(store, clock) for store in two_servers)
    run = here.create()
    look, claimed = attempts.begun, []

    def begun(tx, ids):
        found = look(tx, ids)
        claimed.extend(there.claim())
        return found

    monkeypatch.setattr(attempts, "begun", begun)
    assert here.store.transact(bulks.cancel_unbegun, 1, Filter()).ids == [run.id]
    assert claimed == []
    assert here.state(run) is RunState.CANCELED
