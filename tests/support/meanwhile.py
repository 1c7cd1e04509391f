"""What another server does in the middle of a transaction of this one (PostgreSQL)."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

from runyard.domain.errors import DomainError
from runyard.storage.port import Store

WAITING = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@contextlib.contextmanager
def meanwhile(here: Store, does: Callable[[], object]) -> Iterator[list[DomainError]]:
    """Let another server begin this until it waits for a lock, or is done; what it was refused with."""
    refused: list[DomainError] = []

    def doing() -> None:
        try:
            does()
        except DomainError as error:
            refused.append(error)

    thread = threading.Thread(target=doing)
    thread.start()
    while thread.is_alive() and not here.look(lambda tx: tx.rows(WAITING)):
        thread.join(0.005)
    yield refused
    thread.join()
