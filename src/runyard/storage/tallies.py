"""Sums that transactions add to, written once, right before the commit.

Rows of sums are shared by many runs. Written at the end, in one order, they are locked for the length of a commit, and
no two committers can wait for each other's rows.
"""

from __future__ import annotations

from runyard.storage.port import Tx


def flush(tx: Tx) -> None:
    """Write what the transaction adds to sums; called once, right before the commit."""
    for statement, sums in tx.tallies.items():
        rows = [(*key, *added) for key, added in sorted(sums.items()) if any(added)]
        if rows:
            tx.insert(statement, rows)
    tx.tallies = {}
