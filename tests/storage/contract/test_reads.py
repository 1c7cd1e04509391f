"""Reads: snapshots that never wait for writes and write nothing."""

from __future__ import annotations

import threading

import apsw
import psycopg
import pytest

from runyard.domain.errors import DomainError, NotFound
from runyard.storage.port import Tx
from tests.storage.contract.test_writes import add, slugs
from tests.support.stalling import PATIENCE, stalled
from tests.support.stores import AnyStore


def test_a_read_does_not_wait_for_a_write_and_sees_only_what_was_committed(store: AnyStore):
    store.transact(add, "a")
    unique = iter("bcd")
    with stalled(store, lambda tx: add(tx, next(unique))):
        assert store.look(slugs) == ["a"]
    assert store.look(slugs)[:2] == ["a", "b"]


def test_a_read_sees_one_state_from_beginning_to_end(store: AnyStore):
    store.transact(add, "a")
    looked, written = threading.Event(), threading.Event()

    def twice(tx: Tx) -> tuple[list[str], list[str]]:
        before = slugs(tx)
        looked.set()
        assert written.wait(PATIENCE)
        return before, slugs(tx)

    answers: list[tuple[list[str], list[str]]] = []
    reader = threading.Thread(target=lambda: answers.append(store.look(twice)))
    reader.start()
    assert looked.wait(PATIENCE)
    store.transact(add, "b")
    written.set()
    reader.join()
    assert answers == [(["a"], ["a"])]
    assert store.look(slugs) == ["a", "b"]


def test_a_read_cannot_write(store: AnyStore):
    with pytest.raises((apsw.Error, psycopg.Error, DomainError)):
        store.look(add, "a")
    assert store.look(slugs) == []


def test_a_refusal_in_a_read_reaches_its_caller(store: AnyStore):
    def refuse(tx: Tx) -> None:
        raise NotFound("nothing")

    for _ in range(10):
        with pytest.raises(NotFound):
            store.look(refuse)
    assert store.look(slugs) == []


def test_many_reads_at_once_are_all_answered(store: AnyStore):
    store.transact(add, "a")
    answers: list[list[str]] = []
    threads = [threading.Thread(target=lambda: answers.append(store.look(slugs))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [["a"]] * 20
