"""Checkpoints."""

from __future__ import annotations

import msgspec
import pytest

from runyard.domain.errors import Conflict, Invalid, LeaseLost, NotFound, TooLarge
from runyard.engine import checkpoints, sizes
from runyard.engine.checkpoints import NewCheckpoint
from tests.support.writers import anyone, holder


def keep(yard, writer, state="{}", label=None):
    return yard.store.transact(checkpoints.add, writer, NewCheckpoint(state=state, label=label))


def test_checkpoints_are_numbered_within_their_run(yard):
    one, two = yard.running(), yard.running()
    assert [keep(yard, holder(one)).number for _ in range(3)] == [1, 2, 3]
    assert keep(yard, holder(two)).number == 1


def test_a_checkpoint_comes_back_as_it_was_kept(yard):
    held = yard.running()
    kept = keep(yard, holder(held), '{"step": 3,  "b":[1.0]}', "three")
    assert yard.store.look(checkpoints.get, 1, held.run.id, 1) == kept
    assert kept.state == '{"step": 3,  "b":[1.0]}'


def test_the_latest_checkpoint_is_what_the_next_attempt_resumes_from(yard):
    held = yard.running()
    assert yard.store.look(checkpoints.of_run, 1, held.run.id).rows == []
    keep(yard, holder(held), "1")
    yard.fail(held)
    yard.after(hours=1)
    again = yard.claim_one()
    (latest,) = yard.store.look(checkpoints.of_run, 1, held.run.id, limit=1).rows
    assert latest.state == "1"
    made = keep(yard, holder(again), "2")
    assert (made.number, made.attempt) == (2, 2)


def test_the_list_is_newest_first_and_paged_by_number(yard):
    held = yard.running()
    for number in range(5):
        keep(yard, holder(held), str(number))
    first = yard.store.look(checkpoints.of_run, 1, held.run.id, limit=2)
    second = yard.store.look(checkpoints.of_run, 1, held.run.id, limit=3, before=first.more)
    assert [one.number for one in first.rows + second.rows] == [5, 4, 3, 2, 1]
    assert second.more is None


def test_a_page_of_big_checkpoints_ends_early(yard, monkeypatch):
    monkeypatch.setattr(sizes, "PAGE", 25)
    held = yard.running()
    for _ in range(3):
        keep(yard, holder(held), '"' + "x" * 10 + '"')
    page = yard.store.look(checkpoints.of_run, 1, held.run.id)
    assert [one.number for one in page.rows] == [3, 2]
    assert [one.number for one in yard.store.look(checkpoints.of_run, 1, held.run.id, before=page.more).rows] == [1]


def test_the_journal_names_the_checkpoint_and_not_its_state(yard):
    held = yard.running()
    keep(yard, holder(held), '{"secret":1}', "here")
    assert yard.events(held)[-1].type == "run.checkpointed"
    assert yard.last(held) == {"number": 1, "label": "here"}


def test_a_late_executor_keeps_no_checkpoint(yard, clock):
    held = yard.running()
    clock.forward(hours=2)
    with pytest.raises(LeaseLost):
        keep(yard, holder(held))
    assert yard.store.look(checkpoints.of_run, 1, held.run.id).rows == []


def test_a_final_run_takes_no_checkpoint(yard):
    held = yard.running()
    yard.complete(held)
    with pytest.raises(Conflict):
        keep(yard, anyone(held))


def test_a_state_over_a_mebibyte_is_too_large(yard):
    held = yard.running()
    keep(yard, holder(held), msgspec.json.encode("x" * (sizes.DOCUMENT - 2)).decode())
    with pytest.raises(TooLarge):
        keep(yard, holder(held), msgspec.json.encode("ü" * (sizes.DOCUMENT // 2)).decode())


def test_a_label_must_be_a_short_text(yard):
    held = yard.running()
    for label in ("x" * 129, "a\0b"):
        with pytest.raises(Invalid):
            keep(yard, holder(held), "1", label)


@pytest.mark.parametrize("number", [0, -1, 2, 2**63, 2**70])
def test_a_checkpoint_that_is_not_there_is_not_found(yard, number):
    held = yard.running()
    keep(yard, holder(held))
    with pytest.raises(NotFound):
        yard.store.look(checkpoints.get, 1, held.run.id, number)
    with pytest.raises(NotFound):
        yard.store.look(checkpoints.get, 2, held.run.id, 1)
