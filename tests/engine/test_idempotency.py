"""Idempotency keys: asked twice, made once; by calls one after the other, together, and on two servers."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest

from runyard.domain.errors import NotFound
from runyard.domain.jobs import NewRun
from runyard.domain.records import Run
from runyard.domain.states import RunState
from runyard.engine import creations, idempotency
from runyard.storage.port import Tx
from runyard.storage.statements import idempotency as sql
from tests.support.yard import SECOND, Yard


def test_asking_again_with_the_same_key_answers_the_first_run(yard: Yard):
    (first,) = yard.ask(NewRun(payload="1", idempotency_key="k"))
    (again,) = yard.ask(NewRun(payload="2", idempotency_key="k"))
    assert (first.duplicate, again.duplicate) == (False, True)
    assert again.run == first.run
    assert len(yard.claim(10)) == 1
    assert yard.story(first) == ["created", "claimed"]


def test_the_answer_shows_the_run_as_it_is_now(yard: Yard):
    granted = yard.running(idempotency_key="k")
    yard.complete(granted, "5")
    (again,) = yard.ask(NewRun(idempotency_key="k"))
    assert (again.run.state, again.run.output) == (RunState.COMPLETED, "5")


def test_different_keys_make_different_runs(yard: Yard):
    made = [yard.create(idempotency_key=key).id for key in ("a", "b", "A", "a ", "")]
    assert len(set(made)) == 5


def test_a_key_belongs_to_its_job_and_project(yard: Yard, store, clock):
    yard.job("one")
    yard.job("other")
    made = [yard.create(idempotency_key="k", job=job).id for job in ("one", "other", None)]
    made.append(Yard(store, clock, project_id=2).create(idempotency_key="k").id)
    assert len(set(made)) == 4


def test_a_key_twice_in_one_request_makes_one_run(yard: Yard):
    made = yard.ask(*[NewRun(payload=str(n), idempotency_key="k") for n in range(3)], NewRun(payload="9"))
    assert [one.duplicate for one in made] == [False, True, True, False]
    assert len({one.run.id for one in made}) == 2
    assert made[1].run.payload == "0"
    assert len(yard.claim(10)) == 2


def test_a_key_in_two_calls_that_wait_together_makes_one_run(yard: Yard):
    asked = [creations.CreateRequest(project_id=1, runs=(NewRun(idempotency_key="k"),)) for _ in range(4)]
    answers = yard.store.transact(creations.create, asked)
    assert sorted(answer[0].duplicate for answer in answers) == [False, True, True, True]
    assert len({answer[0].run.id for answer in answers}) == 1


def test_a_refused_request_leaves_its_keys_free(yard: Yard):
    with pytest.raises(NotFound):
        yard.ask(NewRun(idempotency_key="k"), NewRun(job="missing"))
    (made,) = yard.ask(NewRun(idempotency_key="k"))
    assert made.duplicate is False


def test_a_key_is_free_again_some_time_after_its_run_ended(yard: Yard, clock):
    granted = yard.running(idempotency_key="k", policy={"idempotency_window": 60 * SECOND})
    clock.forward(hours=100)
    granted = _renewed(yard, granted)
    yard.complete(granted)
    clock.forward(seconds=59)
    assert yard.create(idempotency_key="k").id == granted.run.id
    clock.forward(seconds=1)
    fresh = yard.ask(*[NewRun(idempotency_key="k")] * 2)
    assert fresh[0].run.id != granted.run.id
    assert [one.duplicate for one in fresh] == [False, True]
    assert yard.create(idempotency_key="k").id == fresh[0].run.id


def _renewed(yard: Yard, granted):
    yard.tick()
    again = yard.claim_one()
    assert again.run.id == granted.run.id
    return again


def test_a_key_without_a_window_is_taken_for_ever(yard: Yard, clock):
    granted = yard.running(idempotency_key="k", policy={"idempotency_window": None})
    yard.complete(granted)
    clock.forward(hours=24 * 365)
    assert yard.create(idempotency_key="k").id == granted.run.id


def test_a_dead_lettered_run_holds_its_key_for_its_window(yard: Yard, clock):
    buried = yard.buried(idempotency_key="k")
    assert yard.create(idempotency_key="k").id == buried.id
    clock.forward(hours=25)
    assert yard.create(idempotency_key="k").id != buried.id


def test_a_key_can_be_freed(yard: Yard):
    first = yard.create(idempotency_key="k")
    freed = yard.do(idempotency.reset, first, actor="key:abc")
    assert freed.idempotency_key is None
    assert yard.story(first) == ["created", "idempotency_reset"]
    assert yard.create(idempotency_key="k").id != first.id
    assert yard.do(idempotency.reset, first) == yard.run(first)


def test_freeing_a_key_that_went_to_another_run_leaves_it_there(yard: Yard, clock):
    granted = yard.running(idempotency_key="k")
    yard.complete(granted)
    clock.forward(hours=25)
    second = yard.create(idempotency_key="k")
    yard.do(idempotency.reset, granted)
    assert yard.create(idempotency_key="k").id == second.id


def test_a_key_outlives_the_run_it_was_taken_for_in_no_way(yard: Yard):
    first = yard.create(idempotency_key="k")
    yard.store.transact(lambda tx: [tx.run(f"DELETE FROM {table} WHERE {key} = :id", id=first.id) for table, key in
                                    (("runs", "id"), ("events", "run_id"))])  # fmt: skip
    assert yard.create(idempotency_key="k").id != first.id


def test_a_key_freed_on_another_server_while_its_run_was_about_to_answer_is_taken(two_servers, clock, monkeypatch):
    here, there = (Yard(server, clock) for server in two_servers)
    first = here.create(idempotency_key="k")
    take, freed = sql.take, list[Run]()

    def take_and_lose(tx: Tx, rows: Sequence[tuple[int, str, str, str]]) -> None:
        take(tx, rows)
        if not freed:
            freed.append(there.store.transact(idempotency.reset, 1, first.id))

    monkeypatch.setattr(sql, "take", take_and_lose)
    assert here.create(idempotency_key="k").id != first.id


def race(yards: list[Yard], times: int, ask) -> list[list[Any]]:
    """What each of the yards is answered when all ask for the same at once, so many times."""
    answers: list[list[Any]] = [[] for _ in yards]
    line = threading.Barrier(len(yards))

    def work(index: int) -> None:
        for number in range(times):
            line.wait()
            answers[index].append(ask(yards[index], number))

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(yards))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_two_servers_asked_for_the_same_key_at_once_make_one_run(two_servers, clock):
    yards = [Yard(server, clock) for server in two_servers for _ in range(2)]
    answers = race(yards, 25, lambda yard, number: yard.ask(NewRun(idempotency_key=f"k{number}"))[0])
    for same in zip(*answers, strict=True):
        assert len({one.run.id for one in same}) == 1
        assert [one.duplicate for one in same].count(False) == 1
    assert len(yards[0].claim(100)) == 25
    yards[0].check()


def test_two_servers_take_over_a_key_whose_time_has_passed_once(two_servers, clock):
    yards = [Yard(server, clock) for server in two_servers for _ in range(2)]
    old = set()
    for number in range(25):
        granted = yards[0].running(idempotency_key=f"k{number}")
        yards[0].complete(granted)
        old.add(granted.run.id)
    clock.forward(hours=25)
    answers = race(yards, 25, lambda yard, number: yard.ask(NewRun(idempotency_key=f"k{number}"))[0])
    for same in zip(*answers, strict=True):
        assert len({one.run.id for one in same}) == 1
        assert [one.duplicate for one in same].count(False) == 1
        assert same[0].run.id not in old
    yards[0].check()


def test_keys_asked_for_in_opposite_orders_do_not_lock_each_other_out(two_servers, clock):
    yards = [Yard(server, clock) for server in two_servers]
    names = [f"k{n}" for n in range(20)]

    def ask(yard: Yard, number: int):
        order = names if yard is yards[0] else names[::-1]
        return yard.ask(*[NewRun(idempotency_key=f"{name}-{number}") for name in order])

    answers = race(yards, 10, ask)
    for one, other in zip(*answers, strict=True):
        assert {made.run.id for made in one} == {made.run.id for made in other}
