"""Wake-ups: whoever listens hears what a commit touched, after it and never before, on every server."""

from __future__ import annotations

import asyncio
import threading

import pytest

from runyard.domain.errors import NotFound
from runyard.storage.port import JournalLine, LogLine, Tx
from tests.storage.contract.test_writes import add, slugs
from tests.support.stalling import PATIENCE, stalled, submit
from tests.support.stores import AnyStore


class Ear:
    """Hears topics, and waits for one."""

    def __init__(self) -> None:
        self.heard: list[frozenset[str]] = []
        self.change = threading.Condition()

    def __call__(self, topics: frozenset[str]) -> None:
        with self.change:
            self.heard.append(topics)
            self.change.notify_all()

    def hears(self, topic: str) -> bool:
        """Whether the topic is heard before long, or that anything may have changed, as after a break."""
        with self.change:
            return self.change.wait_for(lambda: any({topic, "*"} & topics for topics in self.heard), PATIENCE)


def wake(tx: Tx, *topics: str) -> None:
    for topic in topics:
        tx.wake(topic)


def test_a_commit_is_heard_with_its_topics(store: AnyStore):
    ear = Ear()
    store.subscribe(ear)
    store.transact(wake, "a", "b")
    assert ear.hears("a")
    assert ear.hears("b")


def test_what_is_heard_can_be_read(store: AnyStore):
    seen: list[list[str]] = []
    done = threading.Event()

    def listener(topics: frozenset[str]) -> None:
        if "added" in topics:
            seen.append(store.look(slugs))
            done.set()

    def op(tx: Tx) -> None:
        add(tx, "a")
        tx.wake("added")

    store.subscribe(listener)
    store.transact(op)
    assert done.wait(PATIENCE)
    assert seen == [["a"]]


def test_a_listener_is_called_on_its_loop(store: AnyStore):
    async def work() -> list[int]:
        threads: list[int] = []
        heard = asyncio.Event()

        def listener(topics: frozenset[str]) -> None:
            if "a" in topics:
                threads.append(threading.get_ident())
                heard.set()

        store.subscribe(listener)
        await store.write(wake, "a")
        await asyncio.wait_for(heard.wait(), PATIENCE)
        return threads

    assert set(asyncio.run(work())) == {threading.get_ident()}


def test_a_refused_operation_wakes_nobody(store: AnyStore):
    def refuse(tx: Tx) -> None:
        add(tx, "a")
        tx.wake("never")
        raise NotFound("x")

    ear = Ear()
    store.subscribe(ear)
    with stalled(store):
        refused, good = submit(store, refuse), submit(store, wake, "good")
    with pytest.raises(NotFound):
        refused.result()
    good.result()
    store.transact(wake, "last")
    assert ear.hears("last")
    assert ear.hears("good")
    assert not any("never" in topics for topics in ear.heard)


def test_a_line_wakes_those_who_follow_its_run_and_project(store: AnyStore):
    ear = Ear()
    store.subscribe(ear)
    store.transact(lambda tx: tx.emit(JournalLine(7, "r1", "kind", None, "{}")))
    assert ear.hears("run:r1")
    assert ear.hears("project:7")
    store.transact(lambda tx: tx.emit(LogLine(7, "r2", 1, tx.now, "info", "text", None)))
    assert ear.hears("run:r2")


def test_any_number_of_topics_is_heard(store: AnyStore):
    ear = Ear()
    store.subscribe(ear)
    topics = [f"run:{number:036}" for number in range(1000)]
    store.transact(wake, *topics)
    assert ear.hears(topics[0])
    assert ear.hears(topics[-1])
    assert frozenset().union(*ear.heard) >= set(topics)


def test_every_server_hears_every_commit(two_servers):
    one, other = two_servers
    ears = Ear(), Ear()
    for server, ear in zip(two_servers, ears, strict=True):
        server.subscribe(ear)
    one.transact(wake, "from one")
    other.transact(wake, "from other")
    for ear in ears:
        assert ear.hears("from one")
        assert ear.hears("from other")


def test_a_server_hears_its_own_commit_once(store: AnyStore):
    ear = Ear()
    store.subscribe(ear)
    store.transact(wake, "a")
    store.transact(wake, "b")
    assert ear.hears("b")
    assert sum("a" in topics for topics in ear.heard) == 1
