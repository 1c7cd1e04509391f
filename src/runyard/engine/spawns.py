"""Runs that make others below them, and wait for all that comes of them."""

from __future__ import annotations

import msgspec

from runyard.domain.errors import DomainError, NotFound
from runyard.domain.jobs import NewRun
from runyard.domain.records import Run
from runyard.domain.waits import EventWait
from runyard.engine import creations, event_waits, jobs
from runyard.engine.creations import Created
from runyard.engine.dependents import AGAIN
from runyard.engine.facts import CreateRequest
from runyard.engine.proofs import Report, fence
from runyard.engine.specs import check_payload, spec_of
from runyard.engine.transitions import apply
from runyard.storage.port import Tx
from runyard.storage.statements import event_waits as waits_sql
from runyard.storage.statements import runs as runs_sql

GUARD = "spawn-await:"
"""How the wait is named that guards a run while it waits for a child; the child's id follows."""


class Spawn(Report, frozen=True, kw_only=True):
    """A child for the run."""

    job: str
    """Name or id, in the target project."""
    target: int
    """The project in which the child is made; the caller may make runs there."""
    payload: str = "{}"
    priority: int | None = None
    wait: int | None = None
    """How long (microseconds) the run waits until everything below it has ended; None when it does not wait."""


class Spawned(msgspec.Struct, frozen=True, kw_only=True):
    """The child, and what guards the parent while it waits."""

    child: Run
    guard: EventWait | None


def spawn(tx: Tx, asked: Spawn) -> Spawned:
    """Make a child; if asked, park the run until all its descendants have ended, or its time is up.

    Raises `NotFound` for the job, `LeaseLost`, `Ended`, `Invalid`, what a creation is refused with, and `IllegalMove`
    when a run is to wait that is not at work.
    """
    parent = runs_sql.lock(tx, [asked.run_id]).get(asked.run_id)
    error = fence(parent, asked, tx.now)
    if error is not None or parent is None:
        raise error or NotFound()
    if asked.wait is not None:
        event_waits.check_timeout(asked.wait)
        event_waits.check_at_work(parent, asked.token)
    job = jobs.get(tx, asked.target, asked.job)
    check_payload(spec_of(job), asked.payload)
    child = _child(tx, parent, asked, job.id)
    if asked.wait is None:
        return Spawned(child=child, guard=None)
    guard = event_waits.opened(tx, parent, f"{GUARD}{child.id}", asked.wait)
    waits_sql.add(tx, [guard])
    apply(tx, [event_waits.parking(parent, guard, "descendants", actor=asked.actor, again=tx.now + AGAIN)])
    return Spawned(child=child, guard=guard)


def _child(tx: Tx, parent: Run, asked: Spawn, job_id: str) -> Run:
    new = NewRun(job=job_id, payload=asked.payload, priority=asked.priority, parent_id=parent.id, trigger="spawn")
    # A payload that made a run lately does not make that run a child.
    request = CreateRequest(
        project_id=asked.target, runs=(new,), actor=asked.actor, checks="limits", relatives_in=parent.project_id
    )
    made: list[Created] | DomainError = creations.create(tx, [request])[0]
    if isinstance(made, DomainError):
        raise made
    return made[0].run
