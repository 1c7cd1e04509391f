"""Following a run live: where it begins, what came since, and when it is over."""

from __future__ import annotations

import pytest

from runyard.domain.errors import Ended, NotFound
from runyard.domain.records import Event
from runyard.domain.states import RunState
from runyard.engine import chunks, following
from runyard.engine.chunks import AddRequest, NewChunk
from tests.support.writers import anyone, holder, log


def begin(yard, run):
    return yard.store.look(following.begin, 1, run.run.id)[1]


def said(look):
    return [line.type if isinstance(line, Event) else line.message for line in look.lines]


def test_a_follower_begins_after_all_that_was(yard):
    held = yard.running()
    log(yard, holder(held), "before")
    start = begin(yard, held)
    assert yard.store.look(following.lines, held.run.id, start, 10).lines == []
    log(yard, holder(held), "one", "two")
    yard.complete(held)
    look = yard.store.look(following.lines, held.run.id, start, 10)
    assert (said(look), look.ended) == (["one", "two", "run.completed"], True)
    assert look.upto == look.lines[-1].seq


def test_a_run_is_over_only_when_its_whole_rest_was_seen(yard):
    held = yard.running()
    start = begin(yard, held)
    log(yard, holder(held), "one", "two")
    yard.complete(held)
    first = yard.store.look(following.lines, held.run.id, start, 2)
    assert (said(first), first.ended, first.upto) == (["one", "two"], False, first.lines[-1].seq)
    rest = yard.store.look(following.lines, held.run.id, first.upto, 2)
    assert (said(rest), rest.ended) == (["run.completed"], True)


def test_what_others_do_moves_the_place_on(yard):
    held = yard.running()
    start = begin(yard, held)
    log(yard, anyone(yard.create()), "elsewhere")
    look = yard.store.look(following.chunks, held.run.id, start, 10)
    assert (look.lines, look.ended) == ([], False)
    assert look.upto > start


def test_chunks_are_followed_apart_from_lines(yard):
    held = yard.running()
    start = begin(yard, held)
    log(yard, holder(held), "line")
    pieces = (NewChunk(text="a"), NewChunk(text="b", done=True))
    yard.store.transact(chunks.add, [AddRequest(writer=holder(held), chunks=pieces)])
    yard.cancel(held)
    look = yard.store.look(following.chunks, held.run.id, start, 10)
    assert ([one.chunk for one in look.lines], look.ended) == (["a", "b"], True)
    assert said(yard.store.look(following.lines, held.run.id, start, 10)) == ["line", "run.canceled"]


@pytest.mark.parametrize("state", [RunState.COMPLETED, RunState.CANCELED, RunState.DEAD_LETTER])
def test_there_is_nothing_to_follow_of_an_ended_run(yard, state):
    run = yard.in_state(state)
    with pytest.raises(Ended):
        yard.store.look(following.begin, 1, run.id)
    with pytest.raises(NotFound):
        yard.store.look(following.begin, 2, run.id)


def test_a_run_that_is_gone_is_over(yard):
    assert yard.store.look(following.lines, "gone", 0, 10).ended
