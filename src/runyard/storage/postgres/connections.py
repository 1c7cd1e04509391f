"""Connections to PostgreSQL, as ours need them, and what their errors mean."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.types.numeric import Int8Dumper
from psycopg_pool import PoolTimeout

from runyard.domain.errors import Conflict, Invalid, Unavailable
from runyard.storage.port import UNKEEPABLE, Row
from runyard.storage.postgres.arrays import ListDumper

# Statements go by index, or join a short list with big tables by key. On tables nobody has analysed yet the planner
# likes to scan or hash the big one; these make it use the index from the first second.
_BY_INDEX = ("SET enable_hashjoin = off", "SET enable_mergejoin = off", "SET enable_seqscan = off")
# What a plan must not do counts as endlessly dear before PostgreSQL 18, and dear plans are compiled, for a second each.
_SWITCHES = (*_BY_INDEX, "SET jit = off")


def connect(dsn: str, *, writer: bool) -> psycopg.Connection[Row]:
    """Open a connection with the settings ours need."""
    connection: psycopg.Connection[Row] = psycopg.connect(
        dsn, autocommit=True, application_name="runyard", connect_timeout=5
    )
    _configure(connection)
    connection.execute("SET TIME ZONE 'UTC'")
    if writer:
        for switch in _SWITCHES:
            connection.execute(switch)
        connection.execute("SET synchronous_commit = on")
        connection.execute("SET idle_in_transaction_session_timeout = '60s'")
    return connection


def _configure(connection: psycopg.Connection[Any]) -> None:
    # One width for every integer, so that a statement is prepared once and not once for each size of number.
    connection.adapters.register_dumper(int, Int8Dumper)
    connection.adapters.register_dumper(list, ListDumper)
    connection.prepare_threshold = 2


def configure_reader(connection: psycopg.Connection[Any]) -> None:
    """Give a connection of the pool the settings of readers."""
    _configure(connection)
    for switch in _SWITCHES:
        connection.execute(switch)
    connection.commit()
    connection.read_only = True
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ


def applied(dsn: str) -> dict[int, str]:
    """The migrations that ran in the database, with their checksums. Raises `Unavailable`."""
    try:
        with connect(dsn, writer=False) as connection:
            return dict(connection.execute("SELECT number, checksum FROM schema_versions").fetchall())
    except psycopg.errors.UndefinedTable:
        return {}
    except psycopg.OperationalError as error:
        raise unreachable(error) from None


def unreachable(error: psycopg.OperationalError) -> Unavailable:
    """What to say at start when no connection can be made."""
    return Unavailable(f"PostgreSQL cannot be reached: {str(error).strip().splitlines()[0]}")


def is_broken(error: Exception) -> bool:
    """The connection or the server went away, or is not there yet."""
    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return False
    state = getattr(error, "sqlstate", None) or ""
    return state == "" or state[:2] in {"08", "57", "53", "58", "25"}


def translated(error: Exception) -> Exception:
    """The error as the domain knows it, if it does."""
    if isinstance(error, PoolTimeout | psycopg.OperationalError | psycopg.InterfaceError):
        return Unavailable("the database cannot be reached; try again in a second")
    if isinstance(error, psycopg.DataError | UnicodeEncodeError):
        return Invalid(UNKEEPABLE)
    if isinstance(error, psycopg.errors.UniqueViolation):
        return Conflict("something with this name or key exists already")
    return error
