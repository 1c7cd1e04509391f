"""Circuits and health of the addresses that runs are sent to, shared by all servers."""

from __future__ import annotations

from collections.abc import Sequence

from runyard.domain.endpoints import Endpoint, Tried, after
from runyard.storage.port import Tx
from runyard.storage.statements import endpoints as sql
from runyard.storage.statements.endpoints import Place

KEPT = 7 * 86400 * 1_000_000
"""An address nothing was sent to for so long is as good as new."""


def of(tx: Tx, places: Sequence[Place]) -> dict[Place, Endpoint]:
    """What is known of these places; those that nothing was sent to yet are absent."""
    return sql.of(tx, places)


def record(tx: Tx, tried: Sequence[Tried]) -> dict[Place, Endpoint]:
    """Count what requests came to; the places as they are known now."""
    places = sorted({(one.project_id, one.url) for one in tried})
    known = sql.of(tx, places, lock=True)
    for one in tried:
        place = (one.project_id, one.url)
        before = known.get(place) or Endpoint(project_id=one.project_id, url=one.url)
        known[place] = after(before, one, tx.now)
    sql.put(tx, [known[place] for place in places])
    return {place: known[place] for place in places}


def forget(tx: Tx) -> int:
    """Forget addresses nothing was sent to for long; how many."""
    return sql.forget(tx, tx.now - KEPT)
