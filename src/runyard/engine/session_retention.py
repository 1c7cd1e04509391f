"""Retention of sessions: those that stopped long ago go, unless something that is kept names them.

A run, a task, a review or a session that is there keeps the session it names; of other names nobody asks what stands
behind them. What happened to sessions and what was said, to them and in channels, goes by its own age.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.domain.states import RunState
from runyard.engine import retention
from runyard.engine.retention import Cutoffs
from runyard.storage.port import Store, Tx
from runyard.storage.statements import retention as retention_sql
from runyard.storage.statements import session_retention as sql
from runyard.storage.statements.session_retention import Stopped

BATCH = 200


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """How far a round through the stopped sessions has come."""

    at: int = 0
    id: str = ""


START = Place()


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What one step of a round found."""

    ids: list[str]
    """Sessions that may go."""
    place: Place | None
    """Where the next step goes on; None when the round is over."""


class Walked(msgspec.Struct, frozen=True, kw_only=True):
    """What one step of a round did."""

    deleted: int
    place: Place | None
    """Where the next step goes on; None when the round is over."""


def retire_once(store: Store, before: Cutoffs, place: Place = START, *, limit: int = BATCH) -> Walked:
    """Look at the next stopped sessions, and delete those that may go. Safe in several servers at once."""
    found = store.look(find, before, place, limit)
    deleted = 0
    while found.ids:
        gone = store.transact(delete, found.ids)
        if gone is not None:
            deleted = gone
            break
    return Walked(deleted=deleted, place=found.place)


def find(tx: Tx, before: Cutoffs, place: Place, limit: int) -> Found:
    """Those of the next stopped sessions that may go: kept as long as runs that ended as they did, and not named."""
    latest = max((before[state] for state in (RunState.COMPLETED, RunState.FAILED) if state in before), default=0)
    found = sql.stopped(tx, latest, at=place.at, id=place.id, n=limit)
    old = [one.id for one in found if one.stopped_at < before.get(_outcome(one), 0)]
    named = sql.named(tx, old)
    after = Place(at=found[-1].stopped_at, id=found[-1].id) if len(found) == limit else None
    return Found(ids=[one for one in old if one not in named], place=after)


def delete(tx: Tx, ids: Sequence[str], rows: int = retention.ROWS) -> int | None:
    """Delete a slice of what belongs to stopped sessions, and the sessions once nothing else is left of them.

    How many sessions went, None while there is more to be deleted. What something names by now stays, and so does what
    another server is at.
    """
    taken = sql.take(tx, ids)
    named = sql.named(tx, [one.id for one in taken])
    going = [one for one in taken if one.id not in named]
    if not going:
        return 0
    return sql.delete(tx, going) if _emptied(tx, [one.id for one in going], rows) else None


def prune(tx: Tx, before: int, limit: int = retention.ROWS) -> int:
    """Delete the oldest of what happened to sessions, was taken up by them, and was said in channels; how much went."""
    return sql.prune(tx, before, limit)


def _outcome(session: Stopped) -> RunState:
    return RunState.COMPLETED if session.failure is None else RunState.FAILED


def _emptied(tx: Tx, ids: list[str], rows: int) -> bool:
    """Delete a slice of what belongs to the sessions; whether nothing is left."""
    left = rows
    for part in sql.PARTS:
        at_most = max(1, left // part.weight)
        count = retention_sql.delete_part(tx, part, ids, at_most)
        left -= count * part.weight
        if count == at_most or left <= 0:
            return False
    return True
