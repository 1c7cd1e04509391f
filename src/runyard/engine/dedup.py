"""Payload dedup: for a while an equal payload is answered with the run that it made first.

How long is fixed when that run is made; a job that changes its window later does not change what was promised before.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.domain.records import Run
from runyard.storage.port import Tx
from runyard.storage.statements import dedup as sql
from runyard.storage.statements import runs as runs_sql

PRUNED = 1000


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A new run and what makes others equal to it."""

    run: Run
    hash: str
    window: int

    @property
    def mark(self) -> sql.Mark:
        """Job and payload."""
        return self.run.job_id or "", self.hash


def answers(tx: Tx, marks: Sequence[sql.Mark]) -> dict[sql.Mark, Run]:
    """For each payload that was seen lately, the run it made."""
    holders = sql.holders(tx, marks) if marks else {}
    found = runs_sql.get(tx, sorted(set(holders.values()))) if holders else {}
    return {mark: found[run_id] for mark, run_id in holders.items() if run_id in found}


def take(tx: Tx, claims: Sequence[Claim]) -> dict[str, Run]:
    """Remember the payloads of new runs; for each run whose payload was seen lately, the run that it made."""
    if not claims:
        return {}
    sql.take(tx, [(*claim.mark, claim.run.id, tx.now + claim.window) for claim in claims])
    mine = {claim.run.id: claim.run for claim in claims}
    holders = sql.holders(tx, [claim.mark for claim in claims])
    others = runs_sql.get(tx, sorted({run_id for run_id in holders.values() if run_id not in mine}))
    twins: dict[str, Run] = {}
    for claim in claims:
        holder = holders.get(claim.mark)
        if holder is None or holder == claim.run.id:
            continue
        twin = mine.get(holder) or others.get(holder)
        if twin is not None:
            twins[claim.run.id] = twin
        elif sql.retake(tx, claim.mark, run_id=claim.run.id, until=tx.now + claim.window, stale=holder):
            # The run that was made first is gone; this one takes its place.
            holders[claim.mark] = claim.run.id
    return twins


def prune(tx: Tx, limit: int = PRUNED) -> int:
    """Forget payloads whose time is over; how many there were (at most `limit`)."""
    return sql.prune(tx, limit)
