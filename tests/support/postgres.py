"""One PostgreSQL server for a whole test session, shared by all its workers, and empty places in it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from tests.support.postgres_server import PostgresServer

_serial = itertools.count(1)
_shared = pytest.StashKey[PostgresServer]()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Start the server before the first worker and tell each worker where it is."""
    stash = node.config.stash
    if _shared not in stash:
        stash[_shared] = PostgresServer(durable=False).start()
    node.workerinput["postgres_dsn"] = stash[_shared].dsn


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the shared server, after an interrupt too."""
    server = config.stash.get(_shared, None)
    if server is not None:
        server.close()


@pytest.fixture(scope="session")
def postgres_dsn(pytestconfig: pytest.Config) -> Iterator[str]:
    """A database of this process's own on a server without fsync; `fresh_database` finds each test a place in it."""
    workerinput: dict[str, Any] | None = getattr(pytestconfig, "workerinput", None)
    if workerinput is not None:
        yield separate_database(workerinput["postgres_dsn"])
        return
    with PostgresServer(durable=False) as server:
        yield separate_database(server.dsn)


def fresh_database(dsn: str) -> str:
    """A DSN under which everything is empty: a new schema of the same database, made in about a millisecond.

    It shares advisory locks and NOTIFY channels with the other schemas; where that matters take `separate_database`.
    """
    name = f"fresh_{os.getpid()}_{next(_serial)}"
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
    query = f"{urlsplit(dsn).query}&options={quote(f'-csearch_path={name}', safe='')}"
    return urlunsplit(urlsplit(dsn)._replace(query=query.removeprefix("&")))


def separate_database(dsn: str) -> str:
    """The DSN of a new, empty database on the same server, made in about a tenth of a second."""
    name = f"separate_{os.getpid()}_{next(_serial)}"
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))
