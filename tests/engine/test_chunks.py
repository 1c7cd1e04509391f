"""Chunks: published in order, read after a number, and gone after a while."""

from __future__ import annotations

import pytest

from runyard.domain.errors import DomainError, Ended, Invalid, LeaseLost, NotFound, TooLarge
from runyard.domain.records import Chunk
from runyard.engine import chunks, events, following, sizes
from runyard.engine.chunks import AddRequest, NewChunk
from runyard.engine.fences import Writer
from runyard.engine.proofs import Pass
from tests.support.writers import anyone, holder, log
from tests.support.yard import Yard


def put(yard, writer, *texts, store=None, **said):
    request = AddRequest(writer=writer, chunks=tuple(NewChunk(text=text, **said) for text in texts))
    (outcome,) = (store or yard.store).transact(chunks.add, [request])
    if isinstance(outcome, DomainError):
        raise outcome
    return outcome


def read(yard, run, **asked):
    return yard.store.look(chunks.of_run, 1, run.run.id, **asked)


def test_chunks_are_read_in_the_order_they_came(yard, clock):
    held = yard.running()
    assert put(yard, holder(held), "one", "two") == 2
    put(yard, holder(held), "three", stream="thoughts", done=True)
    found = read(yard, held).rows
    assert [(one.chunk, one.stream, one.done) for one in found] == [
        ("one", "default", False),
        ("two", "default", False),
        ("three", "thoughts", True),
    ]
    assert {one.at for one in found} == {clock.now()}
    assert [one.chunk for one in read(yard, held, after=found[0].seq).rows] == ["two", "three"]


def test_chunks_share_the_sequence_of_events_and_log_lines(yard):
    held = yard.running()
    put(yard, holder(held), "a")
    log(yard, holder(held), "line")
    put(yard, holder(held), "b")
    first, second = read(yard, held).rows
    tail = yard.store.look(events.tail, 1, held.run.id).rows
    assert first.seq < tail[-1].seq < second.seq
    assert yard.store.look(events.newest_seq) == second.seq


def test_chunks_are_paged(yard):
    held = yard.running()
    put(yard, holder(held), *"abc")
    first = read(yard, held, limit=2)
    assert [one.chunk for one in first.rows] == ["a", "b"]
    last = read(yard, held, limit=2, after=first.more)
    assert ([one.chunk for one in last.rows], last.more) == (["c"], None)


def test_big_chunks_are_read_a_few_at_a_time_and_none_is_missed(yard, monkeypatch):
    monkeypatch.setattr(sizes, "PAGE", 10)
    held = yard.running()
    start = yard.store.look(following.begin, 1, held.run.id)[1]
    put(yard, holder(held), "aaaa", "bbbb", "cccc", "d" * 50, "e")
    page = read(yard, held)
    assert [one.chunk for one in page.rows] == ["aaaa", "bbbb"]
    assert [one.chunk for one in read(yard, held, after=page.more).rows] == ["cccc"]
    yard.cancel(held)
    looks: list[following.Look[Chunk]] = []
    while not looks or looks[-1].more:
        looks.append(yard.store.look(following.chunks, held.run.id, start, 500))
        start = looks[-1].upto
    assert [[one.chunk for one in look.lines] for look in looks] == [["aaaa", "bbbb"], ["cccc"], ["d" * 50], ["e"]]
    assert [look.ended for look in looks] == [False, False, False, True]


def test_only_who_may_write_publishes(yard, clock):
    held = yard.running()
    clock.forward(hours=1)
    with pytest.raises(LeaseLost):
        put(yard, holder(held), "late")
    token = Writer(project_id=1, run_id=held.run.id, token=Pass(attempt=1))
    assert put(yard, token, "by token") == 1
    with pytest.raises(NotFound):
        put(yard, anyone(held, project_id=2), "foreign")
    with pytest.raises(NotFound):
        yard.store.look(chunks.of_run, 2, held.run.id)
    yard.cancel(held)
    with pytest.raises(Ended):
        put(yard, token, "ended")


def test_nonsense_is_refused_and_nul_is_replaced(yard):
    held = yard.running()
    with pytest.raises(Invalid):
        put(yard, holder(held), "x", stream="")
    with pytest.raises(Invalid):
        put(yard, holder(held), *["x"] * (chunks.CHUNKS + 1))
    with pytest.raises(TooLarge):
        put(yard, holder(held), "x" * (sizes.DOCUMENT + 1))
    put(yard, holder(held), "a\0b", "")
    assert [one.chunk for one in read(yard, held).rows] == ["a\ufffdb", ""]


def test_chunks_are_forgotten_after_a_while(yard, clock):
    held = yard.running()
    put(yard, holder(held), "a", "b", "c")
    clock.forward(minutes=59)
    put(yard, anyone(held), "new")
    assert yard.store.transact(chunks.prune) == 0
    clock.forward(minutes=2)
    assert [yard.store.transact(chunks.prune, 2), yard.store.transact(chunks.prune, 2)] == [2, 1]
    assert [one.chunk for one in read(yard, held).rows] == ["new"]


def test_a_chunk_wakes_its_followers_and_nobody_else(yard):
    held = yard.running()
    request = AddRequest(writer=holder(held), chunks=(NewChunk(text="a"),))

    def woken(tx):
        before = set(tx.topics)
        chunks.add(tx, [request])
        return tx.topics - before

    assert yard.store.transact(woken) == {f"chunks:{held.run.id}"}


def test_chunks_of_two_servers_are_read_in_one_order(two_servers, clock):
    first, second = two_servers
    yard = Yard(first, clock)
    held = yard.running()
    for number in range(6):
        put(yard, anyone(held), str(number), store=(first, second)[number % 2])
    found = second.look(chunks.of_run, 1, held.run.id).rows
    assert [one.chunk for one in found] == list("012345")
    assert [one.seq for one in found] == sorted(one.seq for one in found)
