"""Claimers: a short memory of who asks for which work.

Whoever serves claims calls `seen` when a claim comes in that it has not noted in the last `EVERY`; claims themselves
never write here.
"""

from __future__ import annotations

from runyard.engine.claims import ClaimRequest
from runyard.storage.port import Tx
from runyard.storage.statements import claimers as sql
from runyard.storage.statements.claimers import Claimer

EVERY = 10_000_000
"""How often at most a claimer is to be noted."""
LATELY = 120_000_000
"""Who asked within this time is there: a claim waits for up to a minute, and is asked again at once."""
KEPT = 3600 * 1_000_000
MOST = 500
EVERY_PROJECT = 0
"""Where those stand who ask for the work of all projects."""


def seen(tx: Tx, request: ClaimRequest) -> None:
    """Note that somebody asks for work now, and forget who has not asked for an hour."""
    claimer = Claimer(
        executor=request.executor,
        worker=request.worker or "",
        queues=request.queues,
        jobs=request.jobs,
        capabilities=request.capabilities,
        seen_at=tx.now,
    )
    project_id = EVERY_PROJECT if request.project_id is None else request.project_id
    sql.seen(tx, project_id, claimer)
    sql.forget(tx, project_id, request.executor, before=tx.now - KEPT)


def lately(tx: Tx, project_id: int, executor: str) -> list[Claimer]:
    """Who has asked for work for this kind of executor lately, the last one first."""
    found = [
        one
        for place in (project_id, EVERY_PROJECT)
        for one in sql.recent(tx, place, executor, since=tx.now - LATELY, n=MOST)
    ]
    return sorted(found, key=lambda one: one.seen_at, reverse=True)
