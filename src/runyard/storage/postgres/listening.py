"""Hearing what any server committed, and being one of the servers that are there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

import psycopg

from runyard.domain.errors import Unavailable
from runyard.storage.port import Row
from runyard.storage.postgres.connections import connect
from runyard.storage.postgres.texts import CHANNEL

THERE = "72360002, hashtext(current_schema())"
"""The lock that every server shares as long as it is there; whoever gets it alone is the only one."""
JOIN_SECONDS = 15.0
# A server whose machine is lost is gone after about a minute, not after the two hours that TCP would wait for it.
KEEPALIVES = (
    "SET tcp_keepalives_idle = 30",
    "SET tcp_keepalives_interval = 10",
    "SET tcp_keepalives_count = 3",
)


class Listening:
    """A connection that hears every server's commits, and says `*` (anything may have changed) after a break."""

    def __init__(self, dsn: str, publish: Callable[[frozenset[str]], None]) -> None:
        self.dsn = dsn
        self.publish = publish
        self.stopping = threading.Event()
        self._joining = False
        self._joined = threading.Event()
        self._was_first = False
        self.thread = threading.Thread(target=self._work, name="postgres-listen", daemon=True)
        self.thread.start()

    def join(self) -> bool:
        """Be one of the servers on the database from now on; whether no other was there. Raises `Unavailable`."""
        self._joining = True
        self._wake()
        if not self._joined.wait(JOIN_SECONDS):
            raise Unavailable(f"PostgreSQL did not answer within {JOIN_SECONDS:.0f} s")
        return self._was_first

    def _work(self) -> None:
        while not self.stopping.is_set():
            try:
                with connect(self.dsn, writer=False) as connection:
                    connection.execute(f"LISTEN {CHANNEL}")
                    self.publish(frozenset({"*"}))
                    is_there = False
                    while not self.stopping.is_set():
                        if self._joining and not is_there:
                            self._attend(connection)
                            is_there = True
                        for notice in connection.notifies(timeout=1.0, stop_after=None if is_there else 1):
                            if self.stopping.is_set():
                                return
                            if notice.payload:
                                self.publish(frozenset(notice.payload.split(",")))
            except psycopg.Error:
                self.stopping.wait(0.5)

    def _attend(self, connection: psycopg.Connection[Row]) -> None:
        """Share the lock until the connection ends; the first time, note whether nobody else did."""
        for setting in KEEPALIVES:
            connection.execute(setting)
        if self._joined.is_set():
            connection.execute(f"SELECT pg_advisory_lock_shared({THERE})")
            return
        row = connection.execute(f"SELECT pg_try_advisory_lock({THERE})").fetchone()
        self._was_first = row is not None and bool(row[0])
        # Held alone until it is shared, so that of two that come at once one is the first.
        connection.execute(f"SELECT pg_advisory_lock_shared({THERE})")
        if self._was_first:
            connection.execute(f"SELECT pg_advisory_unlock({THERE})")
        self._joined.set()

    def _wake(self) -> None:
        """End the listener's wait; an empty notification says nothing to the other servers."""
        with suppress(psycopg.Error), connect(self.dsn, writer=False) as connection:
            connection.execute("SELECT pg_notify(%s, '')", (CHANNEL,))

    def stop(self) -> None:
        """Stop listening: at once when the server can be told, else within about a second."""
        self.stopping.set()
        self._wake()
        self.thread.join(timeout=5)
