"""How an engine means to go about a statement."""

from __future__ import annotations

from typing import Any

from runyard.storage.port import Tx
from tests.support.stores import AnyStore

LAST_RESORTS = ("seqscan", "bitmapscan", "sort")


def plan(store: AnyStore, statement: str, **params: Any) -> str:
    """The plan of the statement; PostgreSQL reads whole tables and sorts in it only where nothing else is possible.

    Asked of `shelf.bare`, it depends on nothing but the statement and the indexes.
    """

    def ask(tx: Tx) -> str:
        if store.engine == "sqlite":
            return str(tx.rows(f"EXPLAIN QUERY PLAN {statement}", **params))
        for one in LAST_RESORTS:
            tx.run(f"SET LOCAL enable_{one} = off")
        return str(tx.rows(f"EXPLAIN {statement}", **params))

    return store.transact(ask)
