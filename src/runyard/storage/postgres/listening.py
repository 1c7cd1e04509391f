"""Hearing what any server committed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

import psycopg

from runyard.storage.postgres.connections import connect
from runyard.storage.postgres.texts import CHANNEL


class Listening:
    """A connection that hears every server's commits, and says `*` (anything may have changed) after a break."""

    def __init__(self, dsn: str, publish: Callable[[frozenset[str]], None]) -> None:
        self.dsn = dsn
        self.publish = publish
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._work, name="postgres-listen", daemon=True)
        self.thread.start()

    def _work(self) -> None:
        while not self.stopping.is_set():
            try:
                with connect(self.dsn, writer=False) as connection:
                    connection.execute(f"LISTEN {CHANNEL}")
                    self.publish(frozenset({"*"}))
                    while not self.stopping.is_set():
                        for notice in connection.notifies(timeout=1.0):
                            if self.stopping.is_set():
                                return
                            if notice.payload:
                                self.publish(frozenset(notice.payload.split(",")))
            except psycopg.Error:
                self.stopping.wait(0.5)

    def stop(self) -> None:
        """Stop listening: at once when the server can be told, else within about a second."""
        self.stopping.set()
        with suppress(psycopg.Error), connect(self.dsn, writer=False) as connection:
            # Any notification ends the listener's wait; an empty one says nothing to the other servers.
            connection.execute("SELECT pg_notify(%s, '')", (CHANNEL,))
        self.thread.join(timeout=5)
