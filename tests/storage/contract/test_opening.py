"""Opening and closing: what was accepted is finished, what was acknowledged is there, and the schema is right."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

import pytest

from runyard.domain.errors import Conflict, Unavailable
from runyard.storage import migrate
from runyard.storage.migrate import Migration
from runyard.storage.pending import Pending
from runyard.storage.port import Tx
from tests.storage.contract.test_writes import add, slugs
from tests.support.stalling import PATIENCE, committers, stalled, submit
from tests.support.stores import AnyStore

Opened = Callable[[], AnyStore]
BROKEN = Migration(number=9999, name="broken", sql="CREATE TABLE half (a BIGINT); CREATE TABLE oops (;", checksum="x")


def versions(tx: Tx) -> list[int]:
    return [number for (number,) in tx.rows("SELECT number FROM schema_versions ORDER BY number")]


def test_what_was_acknowledged_is_there_after_opening_again(opened: Opened):
    first = opened()
    first.transact(add, "a")
    first.close()
    assert opened().look(slugs) == ["a"]


def test_closing_finishes_what_was_accepted_and_takes_no_more(opened: Opened):
    store = opened()
    waiting: list[Future[object]] = []
    with stalled(store) as go:
        waiting += [submit(store, add, f"{number:02}") for number in range(20)]
        closing = threading.Thread(target=store.close)
        closing.start()
        go()
    closing.join(PATIENCE)
    assert [one.result(PATIENCE) for one in waiting] == [f"{number:02}" for number in range(20)]
    with pytest.raises(Unavailable):
        store.transact(add, "late")
    with pytest.raises(Unavailable):
        store.look(slugs)
    store.close()
    assert len(opened().look(slugs)) == 20


def test_a_write_that_slips_in_while_the_store_closes_is_not_left_hanging(opened: Opened):
    store = opened()
    late = Pending(add, ("late",), {}, None)
    with stalled(store) as go:
        for _ in range(committers(store)):
            store.waiting.put(None)
        store.waiting.put(late)
        go()
    store.close()
    with pytest.raises(Unavailable):
        late.future.result(PATIENCE)


def test_the_schema_is_made_once(opened: Opened):
    first = opened()
    shipped = [migration.number for migration in migrate.available(first.engine)]
    assert first.look(versions) == shipped
    first.close()
    assert opened().look(versions) == shipped


def test_a_migration_that_was_changed_after_it_ran_is_refused(opened: Opened, monkeypatch: pytest.MonkeyPatch):
    store = opened()
    store.transact(lambda tx: tx.run("UPDATE schema_versions SET checksum = 'other'"))
    store.close()
    with pytest.raises(Conflict, match="was changed after it ran"):
        opened()
    with pytest.raises(Conflict, match="was changed after it ran"):
        opened()


def test_a_schema_from_the_future_is_refused(opened: Opened):
    store = opened()
    store.transact(lambda tx: tx.run("INSERT INTO schema_versions VALUES (9999, 'later', 'x', 0)"))
    store.close()
    for _ in range(2):
        with pytest.raises(Conflict, match="use a newer release"):
            opened()


def test_a_new_migration_runs_on_what_is_there(opened: Opened, monkeypatch: pytest.MonkeyPatch):
    first = opened()
    first.transact(add, "a")
    first.close()
    shipped = migrate.available(first.engine)
    more = Migration(number=9000, name="more", sql="CREATE TABLE more (a BIGINT);", checksum="y")
    monkeypatch.setattr(migrate, "available", lambda engine: [*shipped, more])
    second = opened()
    assert second.look(versions)[-1] == 9000
    assert second.look(slugs) == ["a"]
    assert second.look(lambda tx: tx.rows("SELECT a FROM more")) == []


def test_a_migration_that_fails_leaves_nothing_behind(opened: Opened, monkeypatch: pytest.MonkeyPatch):
    first = opened()
    first.close()
    shipped = migrate.available(first.engine)
    with monkeypatch.context() as patched:
        patched.setattr(migrate, "available", lambda engine: [*shipped, BROKEN])
        with pytest.raises(Exception, match="syntax error"):
            opened()
    again = opened()
    assert again.look(versions) == [migration.number for migration in shipped]
    again.transact(lambda tx: tx.run("CREATE TABLE half (a BIGINT)"))


def test_what_would_run_can_be_asked_for():
    shipped = migrate.available("sqlite")
    assert migrate.plan("sqlite", dict) == shipped
    assert migrate.plan("sqlite", lambda: {one.number: one.checksum for one in shipped}) == []
    assert [one.number for one in shipped] == [one.number for one in migrate.available("postgres")]
