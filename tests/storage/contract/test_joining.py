"""Which server is the first on a database, and that the others know of it."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from runyard.storage.postgres import PostgresStore
from tests.e2e.processes import until
from tests.support.stores import AnyStore

THERE = (
    "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = 72360002 AND mode = 'ShareLock' "
    "AND objid = hashtext(current_schema())::oid"
)


def test_whoever_comes_when_nobody_is_there_is_the_first(opened: Callable[[], AnyStore], engine: str) -> None:
    first = opened()
    assert first.join()
    if isinstance(first, PostgresStore):
        second = opened()
        assert not second.join()
        first.close()
        third = opened()
        assert not third.join(), "the second is there still"
        for store in (second, third):
            store.close()
        until(lambda: there(first.dsn) == [])
    else:
        first.close()
    assert opened().join()


@pytest.mark.parametrize("engine", ["postgres"])
def test_a_server_is_there_again_after_its_connection_broke(opened: Callable[[], PostgresStore]) -> None:
    first = opened()
    assert first.join()
    (before,) = there(first.dsn)
    with psycopg.connect(first.dsn, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", (before,))
    until(lambda: there(first.dsn) not in ([], [before]))
    assert not opened().join()


def there(dsn: str) -> list[int]:
    """The connections of servers that are there."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        return [row[0] for row in connection.execute(THERE)]
