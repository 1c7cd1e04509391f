"""Dead letters: what waits for a person, and what went wrong how often."""

from __future__ import annotations

import pytest

from runyard.engine import dead_letters
from runyard.engine.dead_letters import normalised
from runyard.storage.statements import dead_letters as sql
from tests.support.plans import plan
from tests.support.stores import Shelf


def bury(yard, message, *, kind="error", **new):
    return yard.fail(yard.running(**new), kind, retryable=False, message=message)


def listed(store, **wanted):
    return [run.id for run in store.look(dead_letters.page, 1, **wanted).runs]


def test_dead_letters_are_listed_newest_first_until_they_are_handled(store, yard):
    first, second, third = (bury(yard, "it broke") for _ in range(3))
    yard.complete(yard.running())
    yard.resolve(second)
    assert listed(store) == [third.id, first.id]
    assert listed(store, resolved=True) == [second.id]
    assert listed(store, resolved=None) == [third.id, second.id, first.id]
    yard.requeue(third)
    assert listed(store) == [first.id]


def test_dead_letters_are_picked_by_job_and_error_class(store, yard):
    yard.job("build")
    mine = bury(yard, "it broke", kind="boom", job="build")
    bury(yard, "it broke", kind="bang", job="build")
    bury(yard, "it broke", kind="boom")
    assert listed(store, job="build", error_class="boom") == [mine.id]


def test_dead_letters_are_paged(store, yard):
    made = [bury(yard, "it broke").id for _ in range(5)]
    page = store.look(dead_letters.page, 1, limit=2)
    assert [run.id for run in page.runs] == made[:2:-1]
    assert listed(store, before=page.after) == made[2::-1]


def test_like_errors_are_one_group(store, yard, clock):
    yard.job("build")
    first = bury(yard, "cannot reach 10.0.0.7:8080 after 30 s", kind="network", job="build")
    clock.forward(seconds=60)
    bury(yard, "cannot reach 10.0.0.9:8080\nafter 31 s", kind="network", job="build")
    last = bury(yard, "cannot reach 10.0.0.1:80 after 9 s", kind="network", job="build")
    other = bury(yard, 'no "thing" here', kind="network", job="build")
    found = store.look(dead_letters.groups, 1)
    assert found.complete
    assert found.examined == 4
    biggest, smallest = found.groups
    assert (biggest.message, biggest.count) == ("cannot reach <n> after <n> s", 3)
    assert (biggest.error_class, biggest.job, biggest.sample_run_id) == ("network", "build", last.id)
    assert (biggest.first_at, biggest.last_at) == (first.finished_at, clock.now())
    assert (smallest.message, smallest.sample_run_id) == ('no "thing" here', other.id)


def test_jobs_and_error_classes_keep_groups_apart(store, yard):
    yard.job("build")
    bury(yard, "it broke", kind="boom", job="build")
    bury(yard, "it broke", kind="boom")
    bury(yard, "it broke", kind="bang")
    assert len(store.look(dead_letters.groups, 1).groups) == 3
    (only,) = store.look(dead_letters.groups, 1, job="build").groups
    assert only.job == "build"


def test_handled_dead_letters_and_other_projects_are_not_grouped(store, yard):
    yard.resolve(bury(yard, "it broke"))
    assert store.look(dead_letters.groups, 1).groups == []
    bury(yard, "it broke")
    assert store.look(dead_letters.groups, 2).groups == []


def test_a_grouping_of_too_many_says_that_it_is_partial(store, yard, monkeypatch):
    monkeypatch.setattr(dead_letters, "SCANNED", 3)
    for _ in range(5):
        bury(yard, "it broke")
    found = store.look(dead_letters.groups, 1)
    assert (found.examined, found.complete, found.groups[0].count) == (3, False, 3)


def test_a_very_long_message_is_grouped_by_its_beginning(store, yard):
    bury(yard, 'a "quoted" ünïcode 💥 ' * 1000)
    (only,) = store.look(dead_letters.groups, 1).groups
    assert only.message.startswith('a "quoted" ünïcode 💥 a')
    assert len(only.message) == 200


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("user 42 not found", "user <n> not found"),
        ("run 0190a5a0-0000-7000-8000-00000000abcd failed", "run <id> failed"),
        ("commit 3f786850e387550fdab836ed7e6dc881de23001b", "commit <id>"),
        ("at 0xDEADBEEF", "at <id>"),
        ("took 1.5 s at 12:30:01", "took <n> s at <n>"),
        ("  many\n\tblanks ", "many blanks"),
        ("effaced facades", "effaced facades"),
        ("", ""),
    ],
)
def test_what_varies_between_like_errors_is_taken_out(message, expected):
    assert normalised(message) == expected


def test_the_oldest_dead_letters_are_read_from_an_index_in_order(shelf: Shelf, engine: str):
    found = plan(shelf.bare(engine), sql.OLDEST, project_id=1, n=5)
    assert "runs_state" in found or "runs_dead" in found, found
    assert "TEMP B-TREE" not in found, found
    assert "Sort" not in found, found
