"""Runs that continue others, and runs below others."""

from __future__ import annotations

from typing import Any

import msgspec

from runyard.domain.errors import DomainError, Ended, IllegalMove, Invalid, NotFound
from runyard.domain.jobs import NewRun
from runyard.domain.records import Run
from runyard.domain.states import RunState
from runyard.engine import creations
from runyard.engine.creations import Created
from runyard.engine.facts import CreateRequest
from runyard.engine.proofs import Report, fence
from runyard.engine.rates import first_id_at
from runyard.engine.runs import find, job_of
from runyard.engine.specs import check_payload, spec_of
from runyard.storage.port import Tx
from runyard.storage.statements import parents as sql
from runyard.storage.statements import runs as runs_sql

LONGEST = 10
"""How many runs a chain may have behind its first."""
STEPS = 20
FAMILY = 1000
SLACK = 60_000_000
"""How far an id's time may be from `created_at`."""
CONTINUABLE = frozenset({RunState.RUNNING, RunState.WAITING})


class Continue(Report, frozen=True, kw_only=True):
    """A run that goes on where this one is."""

    payload: str | None = None
    """None is the payload of the run itself."""


def proceed(tx: Tx, asked: Continue) -> Run:
    """A new run of the same job that continues the run; the run itself goes on, and keeps its state to itself.

    Raises `IllegalMove` unless the run is at work or waits, and `Invalid` when the chain has `LONGEST` continuations.
    """
    run = runs_sql.lock(tx, [asked.run_id]).get(asked.run_id)
    error = fence(run, asked, tx.now)
    if run is None or (error is not None and not isinstance(error, Ended)):
        raise error or NotFound()
    if run.state not in CONTINUABLE:
        raise IllegalMove(
            f"a run that is {run.state} cannot be continued; it has to be at work or to wait", state=run.state.value
        )
    if run.continued >= LONGEST:
        raise Invalid(f"a run may be continued {LONGEST} times, one after the other, and no more")
    job = job_of(tx, run)
    if job is not None and asked.payload is not None:
        check_payload(spec_of(job), asked.payload)
    new = NewRun(
        **(_like(run) if job is None else {"job": job.id}),
        payload=run.payload if asked.payload is None else asked.payload,
        priority=run.priority,
        continuation_of=run.id,
    )
    request = CreateRequest(project_id=run.project_id, runs=(new,), actor=asked.actor, checks="limits")
    made: list[Created] | DomainError = creations.create(tx, [request])[0]
    if isinstance(made, DomainError):
        raise made
    return made[0].run


def _like(run: Run) -> dict[str, Any]:
    """What a run of no job takes from the one that it continues."""
    requires: list[str] = msgspec.json.decode(run.requires) if run.requires else []
    policy = {name: getattr(run.policy, name) for name in run.policy.__struct_fields__}
    return {"queue": run.queue, "executor": run.executor, "requires": tuple(requires), "policy": policy}


def chain(tx: Tx, project_id: int, run_id: str) -> list[Run]:
    """The chain of continuations that the run is part of, from its first run on, by depth. Raises `NotFound`."""
    first = find(tx, project_id, run_id)
    for _ in range(STEPS):
        if first.continuation_of is None:
            break
        before = runs_sql.get(tx, [first.continuation_of]).get(first.continuation_of)
        if before is None or before.project_id != project_id:
            break
        first = before
    members = level = [first.id]
    for _ in range(STEPS):
        level = sql.continuations(tx, level, FAMILY - len(members)) if len(members) < FAMILY else []
        if not level:
            break
        members = [*members, *level]
    runs = runs_sql.get(tx, members)
    return [runs[one] for one in members if one in runs and runs[one].project_id == project_id]


def children(
    tx: Tx, project_id: int, run_id: str, *, after: str | None = None, since: int | None = None, limit: int = 50
) -> list[Run]:
    """The run's children in this project, oldest first, after the given id (or the given time). Raises `NotFound`."""
    find(tx, project_id, run_id)
    if after is None:
        after = "" if since is None else first_id_at(since - SLACK)
    ids = sql.children_after(tx, project_id, run_id, after=after, since=-1 if since is None else since, n=limit)
    runs = runs_sql.get(tx, ids) if ids else {}
    return [runs[one] for one in ids if one in runs]
