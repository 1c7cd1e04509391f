"""Reading the journal, alone and merged with a log."""

from __future__ import annotations

import pytest

from runyard.domain.errors import NotFound
from runyard.domain.records import Event, LogEntry
from runyard.engine import events
from runyard.storage.statements import events as sql
from tests.support.writers import holder, log


def test_a_run_tells_its_story_oldest_first(yard):
    held = yard.running()
    yard.complete(held)
    page = yard.store.look(events.of_run, 1, held.run.id)
    assert [event.type for event in page.rows] == ["run.created", "run.claimed", "run.started", "run.completed"]
    assert page.more is None


def test_a_page_of_the_journal_goes_on_after_the_last_one(yard):
    held = yard.running()
    first = yard.store.look(events.of_run, 1, held.run.id, limit=2)
    rest = yard.store.look(events.of_run, 1, held.run.id, limit=2, after=first.more)
    assert [event.type for event in rest.rows] == ["run.started"]


def test_a_project_sees_all_its_runs_and_nothing_else(yard):
    one, two = yard.create(), yard.create()
    page = yard.store.look(events.of_project, 1)
    assert [event.run_id for event in page.rows] == [one.id, two.id]
    assert yard.store.look(events.of_project, 2).rows == []


def test_one_type_may_be_asked_for(yard):
    held = yard.running()
    yard.create()
    assert len(yard.store.look(events.of_project, 1, type="run.created").rows) == 2
    assert [event.type for event in yard.store.look(events.of_run, 1, held.run.id, type="run.started").rows] == [
        "run.started"
    ]


def test_a_rare_type_is_looked_for_piece_by_piece(yard, monkeypatch):
    monkeypatch.setattr(events, "SCAN", 2)
    held = yard.running()
    empty = yard.store.look(events.of_run, 1, held.run.id, type="run.started")
    assert empty.rows == []
    assert empty.more is not None
    page = yard.store.look(events.of_run, 1, held.run.id, type="run.started", after=empty.more)
    assert len(page.rows) == 1


def test_the_tail_merges_events_and_log_lines_in_one_order(yard):
    held = yard.claimed()
    log(yard, holder(held), "before the start")
    yard.start(held)
    log(yard, holder(held), "after it")
    tail = yard.store.look(events.tail, 1, held.run.id).rows
    assert [one.message if isinstance(one, LogEntry) else one.type for one in tail] == [
        "run.created",
        "run.claimed",
        "before the start",
        "run.started",
        "after it",
    ]
    assert [one.seq for one in tail] == sorted(one.seq for one in tail)


def test_a_tail_can_be_followed_in_any_steps(yard):
    held = yard.claimed()
    log(yard, holder(held), *"abc")
    yard.start(held)
    log(yard, holder(held), *"de")
    whole = yard.store.look(events.tail, 1, held.run.id)
    seen: list[Event | LogEntry] = []
    after: int | None = 0
    while after is not None:
        part = yard.store.look(events.tail, 1, held.run.id, after=after, limit=2)
        seen += part.rows
        after = part.more
    assert seen == whole.rows
    assert whole.more is None


def test_a_run_of_another_project_has_no_journal(yard):
    run = yard.create()
    for read in (events.of_run, events.tail):
        with pytest.raises(NotFound):
            yard.store.look(read, 2, run.id)


def test_a_follower_can_tell_that_lines_it_has_not_seen_are_gone(yard):
    yard.create()
    assert yard.store.look(events.oldest_seq, 1) == 0
    yard.store.transact(sql.set_pruned, 1, 40)
    yard.store.transact(sql.set_pruned, 1, 30)
    assert yard.store.look(events.oldest_seq, 1) == 40
    assert yard.store.look(events.oldest_seq, 2) == 0
    assert yard.store.look(events.newest_seq) == 1
