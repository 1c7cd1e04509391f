"""Canceling very many runs below one: a few at once, the others in slices that nothing loses."""

from __future__ import annotations

import pytest

from runyard.domain.states import LIVE, RunState
from runyard.engine import bulks, cancellations, cascades
from tests.support.yard import Yard


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cascades, "AT_ONCE", 3)


def carry_out(yard: Yard, limit: int = 2) -> int:
    """All slices that are left; how many there were."""
    for slices in range(1000):
        if yard.store.transact(bulks.advance, limit) is None:
            return slices
    raise AssertionError("the cascade has no end")


def states(yard: Yard, *made: object) -> list[str]:
    return [yard.state(run).value for run in made]  # type: ignore[arg-type]


def test_a_small_family_is_canceled_at_once(yard: Yard):
    top = yard.create()
    child = yard.create(parent_id=top.id)
    grandchildren = [yard.create(parent_id=child.id) for _ in range(2)]
    yard.cancel(top)
    assert states(yard, child, *grandchildren) == ["canceled"] * 3
    assert carry_out(yard) == 0


def test_a_large_family_is_canceled_in_slices(yard: Yard):
    top = yard.create()
    children = yard.create_many(7, parent_id=top.id)
    below = [yard.create(parent_id=child.id) for child in children for _ in range(3)]
    yard.cancel(top, actor="key:boss")
    assert states(yard, top, *children) == ["canceled"] + ["queued"] * 7
    assert carry_out(yard) > 10
    assert states(yard, *children, *below) == ["canceled"] * 28
    assert yard.events(below[0])[-1].actor == "key:boss"
    assert yard.last(below[0])["reason"] == "parent canceled"
    (bulk,) = yard.store.look(bulks.page, 1)
    assert (bulk.action, bulk.state, bulk.done, bulk.total) == ("cancel_below", "finished", 28, 28)
    yard.check()


def test_levels_and_states_hold_for_what_is_put_off(yard: Yard):
    top = yard.create()
    yard.create_many(4, parent_id=top.id)
    dead = yard.fail(yard.running(parent_id=top.id, priority=9), retryable=False)
    level = [dead]
    for _ in range(3):
        level.append(yard.create(parent_id=level[-1].id))
    among = LIVE - {RunState.DEAD_LETTER}
    yard.store.transact(cancellations.cancel_many, 1, [top.id], among=among, levels=3)
    carry_out(yard)
    assert states(yard, *level) == ["dead_letter", "canceled", "canceled", "queued"]


def test_two_servers_share_what_is_left(two_servers, clock):
    one, other = two_servers
    yard = Yard(one, clock)
    top = yard.create()
    children = yard.create_many(9, parent_id=top.id)
    yard.cancel(top)
    while one.transact(bulks.advance, 2) is not None:
        other.transact(bulks.advance, 2)
    assert states(yard, *children) == ["canceled"] * 9
