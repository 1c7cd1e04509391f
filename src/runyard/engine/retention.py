"""Retention: runs that ended long ago are archived, then everything of them is deleted, in bounded transactions.

A server first claims what it takes away, so that several of them share the work; a claim that was not finished in
time is taken over. A run is deleted only after its archive is stored: a crash in between may archive it twice and
loses nothing. What waits for a person (the dead letter, needs attention) is never taken away. With its run an
idempotency key is free again, whatever window the run's policy gave it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

import msgspec

from runyard.artifacts.port import Blobs
from runyard.domain.states import FINAL, RunState
from runyard.engine import agent_runs, archives, artifacts
from runyard.settings import Settings
from runyard.storage.port import Store, Tx
from runyard.storage.statements import events, replies
from runyard.storage.statements import retention as sql
from runyard.storage.statements.retention import Claimed

BATCH = 200
ROWS = 1000
"""What one transaction deletes at most: some 20 ms, so that nobody waits long behind it."""
CLAIM = 10 * 60 * 1_000_000
GRACE = 60 * 60 * 1_000_000
"""Bytes that nobody refers to stay this long: somebody may be about to."""
UNFINISHED = 24 * 60 * 60 * 1_000_000
REPLIES = 24 * 60 * 60 * 1_000_000
_DAY = 24 * 60 * 60 * 1_000_000

Cutoffs = Mapping[RunState, int]
"""For each outcome the time before which its runs must have ended to be taken away; an absent outcome stays."""
Content = tuple[int, str]
"""A blob by project and hash."""


class Deleted(msgspec.Struct, frozen=True, kw_only=True):
    """What one slice of deleting did."""

    runs: int
    done: bool
    """Whether nothing of the runs is left."""
    freed: tuple[Content, ...] = ()
    """Contents that no artifact refers to any more."""


class Pass(msgspec.Struct, frozen=True, kw_only=True):
    """What one pass of retention did."""

    claimed: int = 0
    deleted: int = 0
    archives: tuple[str, ...] = ()


def cutoffs(settings: Settings, now: int) -> Cutoffs:
    """What the settings say about each outcome. No days at all (0) keep its runs for ever."""
    days = dict.fromkeys(FINAL, settings.retention_failed_days)
    days |= {RunState.COMPLETED: settings.retention_completed_days, RunState.CANCELED: settings.retention_canceled_days}
    return {state: now - round(days[state] * _DAY) for state in sorted(FINAL) if days[state] > 0}


def claim(tx: Tx, before: Cutoffs, limit: int = BATCH) -> list[Claimed]:
    """Take on runs to take away: those that another server left behind, then what has been kept long enough."""
    left = sql.abandoned(tx, limit)
    fresh = sql.expired(tx, _named(before), limit - len(left)) if len(left) < limit else []
    if not left and not fresh:
        return []
    return sql.claim(tx, fresh, left, tx.new_id(), tx.now + CLAIM)


def set_archived(tx: Tx, ids: Sequence[str]) -> None:
    """The runs are in an archive; from now on they may be deleted."""
    sql.set_archived(tx, ids)


def delete_runs(tx: Tx, ids: Sequence[str], rows: int = ROWS, *, among: frozenset[RunState] = FINAL) -> Deleted:
    """Delete a slice of what belongs to ended runs, and the runs themselves once nothing else is left of them."""
    ids = sql.resting(tx, ids, among)
    left = rows
    gone: list[Content] = []
    for part in sql.PARTS:
        at_most = max(1, left // part.weight)
        count = sql.delete_part(tx, part, ids, at_most)
        left -= count * part.weight
        if count == at_most or left <= 0:
            return Deleted(runs=0, done=False)
    lines = sql.delete_events(tx, ids, left)
    _mark_pruned(tx, lines)
    left -= len(lines)
    if left > 0:
        gone = sql.delete_artifacts(tx, ids, left)
        left -= len(gone)
    freed = tuple(_unused(tx, gone))
    if left <= 0:
        return Deleted(runs=0, done=False, freed=freed)
    agent_runs.forget(tx, ids)
    return Deleted(runs=sql.delete_runs(tx, ids), done=True, freed=freed)


def prune(tx: Tx, *, events_before: int, limit: int = ROWS) -> int:
    """Delete old rows that belong to no run: stored replies, and events about other things; how many went."""
    lines = sql.delete_loose_events(tx, events_before, limit)
    _mark_pruned(tx, lines)
    return len(lines) + replies.prune(tx, tx.now - REPLIES, limit)


def retire_once(store: Store, blobs: Blobs, before: Cutoffs, *, archive: bool = True, limit: int = BATCH) -> Pass:
    """One pass: claim, archive, delete, free the bytes. Safe in several servers at once."""
    claimed = store.transact(claim, before, limit)
    if not claimed:
        return Pass()
    names: list[str] = []
    fresh = [one for one in claimed if not one.archived]
    if archive and fresh:
        names = archives.write(store, blobs, fresh)
        store.transact(set_archived, [one.run_id for one in fresh])
    deleted = take_away(store, blobs, [one.run_id for one in claimed])
    return Pass(claimed=len(claimed), deleted=deleted, archives=tuple(names))


def take_away(store: Store, blobs: Blobs, ids: Sequence[str]) -> int:
    """Delete ended runs and all that belongs to them, slice by slice, and free the bytes; how many runs went."""
    while True:
        deleted = store.transact(delete_runs, ids)
        free(store, blobs, deleted.freed)
        if deleted.done:
            return deleted.runs


def free(store: Store, blobs: Blobs, contents: Sequence[Content]) -> int:
    """Remove bytes nobody refers to, unless they were written a short while ago; how many blobs went.

    Storing bytes that are there already makes them young again, so what is old and unused has not been asked for
    since: only an upload of the very same bytes in the instant between the look and the removal could lose.
    """
    count = 0
    for project_id, group in groupby(sorted(contents), key=lambda one: one[0]):
        for sha256 in store.look(artifacts.unused, project_id, [sha256 for _, sha256 in group]):
            at = blobs.written_at(project_id, sha256)
            if at is not None and at < store.now() - GRACE:
                blobs.delete(project_id, sha256)
                count += 1
    return count


def sweep_once(store: Store, blobs: Blobs, project_id: int, shard: int) -> int:
    """Remove what uploads and crashes left of one in 256 parts of a project's bytes; how many blobs went."""
    old = store.now() - GRACE
    found = [one.name for one in blobs.listing(project_id, f"{shard % 256:02x}") if one.at < old]
    swept = sum(
        free(store, blobs, [(project_id, name) for name in found[start : start + ROWS]])
        for start in range(0, len(found), ROWS)
    )
    for one in blobs.unfinished():
        if one.at < store.now() - UNFINISHED:
            blobs.discard(one.name)
            swept += 1
    return swept


def _named(before: Cutoffs) -> dict[str, int]:
    return {state.value: time for state, time in before.items() if state in FINAL}


def _unused(tx: Tx, contents: Sequence[Content]) -> list[Content]:
    found: list[Content] = []
    for project_id, group in groupby(sorted(contents), key=lambda one: one[0]):
        found += [(project_id, sha256) for sha256 in artifacts.unused(tx, project_id, [sha for _, sha in group])]
    return found


def _mark_pruned(tx: Tx, lines: Sequence[tuple[int, int]]) -> None:
    """Followers must be able to tell that lines before these may be gone."""
    newest: dict[int, int] = {}
    for seq, project_id in lines:
        newest[project_id] = max(seq, newest.get(project_id, 0))
    for project_id, seq in sorted(newest.items()):
        events.set_pruned(tx, project_id, seq)
