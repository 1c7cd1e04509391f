"""Who asked for work lately."""

from __future__ import annotations

from runyard.engine import claimers
from runyard.engine.claims import ClaimRequest


def ask(store, worker="w-1", **request):
    store.transact(claimers.seen, ClaimRequest(project_id=1, worker=worker, **request))


def lately(store, executor="worker", project_id=1):
    return store.look(claimers.lately, project_id, executor)


def test_whoever_asks_is_remembered_with_what_it_takes(store, clock):
    ask(store, queues=("b", "a"), jobs=("build",), capabilities=frozenset({"gpu"}))
    (one,) = lately(store)
    assert (one.worker, one.queues, one.jobs) == ("w-1", ("a", "b"), ("build",))
    assert (one.capabilities, one.seen_at) == (frozenset({"gpu"}), clock.now())


def test_asking_for_anything_differs_from_asking_for_nothing(store):
    ask(store)
    ask(store, "w-2", queues=(), jobs=())
    assert {one.worker: (one.queues, one.jobs) for one in lately(store)} == {"w-1": (None, None), "w-2": ((), ())}


def test_asking_again_is_one_memory(store, clock):
    ask(store, worker=None)
    clock.forward(seconds=10)
    ask(store, worker=None)
    (one,) = lately(store)
    assert (one.worker, one.seen_at) == ("", clock.now())


def test_projects_and_kinds_of_executors_are_kept_apart(store):
    ask(store)
    assert lately(store, project_id=2) == []
    assert lately(store, executor="sandbox") == []


def test_whoever_stops_asking_is_forgotten(store, clock):
    ask(store)
    clock.forward(minutes=3)
    assert lately(store) == []
    clock.forward(hours=2)
    ask(store, "w-2")
    assert store.look(lambda tx: tx.rows("SELECT worker FROM claimers")) == [("w-2",)]
