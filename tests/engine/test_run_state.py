"""Values kept with a run."""

from __future__ import annotations

import pytest

from runyard.domain.errors import Conflict, Invalid, LeaseLost, NotFound, TooLarge
from runyard.engine import run_state
from tests.support.writers import anyone, holder


def put(yard, writer, name="cursor", value="1"):
    return yard.store.transact(run_state.put, writer, name, value)


def test_a_value_is_kept_replaced_and_deleted(yard):
    held = yard.running()
    put(yard, holder(held))
    kept = put(yard, holder(held), value='{"n": 2}')
    assert yard.store.look(run_state.get, 1, held.run.id, "cursor") == kept
    yard.store.transact(run_state.delete, holder(held), "cursor")
    for gone in ("cursor", "never", "a\0b"):
        with pytest.raises(NotFound):
            yard.store.look(run_state.get, 1, held.run.id, gone)
        with pytest.raises(NotFound):
            yard.store.transact(run_state.delete, holder(held), gone)


def test_values_outlive_the_attempt(yard):
    held = yard.running()
    put(yard, holder(held))
    yard.fail(held)
    yard.after(hours=1)
    yard.claim_one()
    assert [one.name for one in yard.store.look(run_state.of_run, 1, held.run.id).rows] == ["cursor"]


def test_values_are_listed_by_key(yard):
    held = yard.running()
    for name in ("b", "a", "d", "c"):
        put(yard, holder(held), name)
    first = yard.store.look(run_state.of_run, 1, held.run.id, limit=3)
    rest = yard.store.look(run_state.of_run, 1, held.run.id, limit=3, after=first.more)
    assert [one.name for one in first.rows + rest.rows] == ["a", "b", "c", "d"]
    assert rest.more is None


def test_changes_are_not_journalled(yard):
    held = yard.running()
    before = yard.story(held)
    put(yard, holder(held))
    yard.store.transact(run_state.delete, holder(held), "cursor")
    assert yard.story(held) == before


def test_values_are_fenced_like_every_report(yard, clock):
    held = yard.running()
    put(yard, anyone(held))
    clock.forward(hours=2)
    for change in (
        lambda: put(yard, holder(held)),
        lambda: yard.store.transact(run_state.delete, holder(held), "cursor"),
    ):
        with pytest.raises(LeaseLost):
            change()
    yard.cancel(held)
    with pytest.raises(Conflict):
        put(yard, anyone(held))
    with pytest.raises(NotFound):
        yard.store.look(run_state.get, 2, held.run.id, "cursor")


def test_limits_are_named(yard, monkeypatch):
    held = yard.running()
    put(yard, holder(held), "k" * 256, '"' + "x" * (run_state.VALUE - 2) + '"')
    with pytest.raises(TooLarge):
        put(yard, holder(held), value='"' + "x" * run_state.VALUE + '"')
    for name in ("", "k" * 257, "a\0b"):
        with pytest.raises(Invalid):
            put(yard, holder(held), name)
    monkeypatch.setattr(run_state, "MOST", 1)
    with pytest.raises(Conflict):
        put(yard, holder(held), "one more")


def test_discarding_says_whether_there_was_anything(yard):
    held = yard.running()
    put(yard, holder(held), "a")
    said = [yard.store.transact(run_state.discard, holder(held), name) for name in ("a", "a", "b\0")]
    assert said == [True, False, False]


def test_all_values_are_read_at_once_unless_they_are_too_much(yard, monkeypatch):
    held = yard.running()
    for name in "ba":
        put(yard, holder(held), name, "12345")
    assert [entry.name for entry in yard.store.look(run_state.whole, 1, held.run.id)] == ["a", "b"]
    with pytest.raises(NotFound):
        yard.store.look(run_state.whole, 2, held.run.id)
    monkeypatch.setattr(run_state, "WHOLE", 9)
    with pytest.raises(TooLarge, match="one by one"):
        yard.store.look(run_state.whole, 1, held.run.id)
