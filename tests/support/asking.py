"""How often an operation asks the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from runyard.storage.port import Store, Tx


def asked_of_the_store(store: Store, op: Callable[..., object], *args: Any) -> int:
    """How many statements the operation needs."""
    count = 0

    def counted(tx: Tx) -> None:
        nonlocal count

        def counting(ask: Callable[..., Any]) -> Callable[..., Any]:
            def asked(*given: Any, **said: Any) -> Any:
                nonlocal count
                count += 1
                return ask(*given, **said)

            return asked

        for name in ("rows", "wide_rows", "records", "run", "insert", "insert_counted", "update_columns"):
            setattr(tx, name, counting(getattr(tx, name)))
        count = 0
        op(tx, *args)

    store.transact(counted)
    return count
