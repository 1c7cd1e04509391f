"""Making runs: all that a caller asks for or none, once for each idempotency key, within the job's limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from runyard.domain.agents import AgentProfile
from runyard.domain.errors import DomainError, Forbidden, Invalid
from runyard.domain.jobs import tag_pairs
from runyard.domain.moves import due
from runyard.domain.records import Run, Waiting
from runyard.domain.states import RunState
from runyard.engine import agent_runs, dedup, dependents, fences, idempotency, lanes, rates, windows
from runyard.engine.dedup import Claim
from runyard.engine.drafts import AD_HOC, Draft, check_enabled, draft_all
from runyard.engine.facts import CreateRequest, Facts
from runyard.engine.fences import Writer
from runyard.engine.ledger import journal, wake
from runyard.storage.port import Tx, many
from runyard.storage.statements import runs as sql

__all__ = [
    "AD_HOC",
    "CreateRequest",
    "Created",
    "Draft",
    "check_enabled",
    "create",
    "settle",
    "spawn",
    "write",
]


class Created(msgspec.Struct, frozen=True, kw_only=True):
    """A run made, or found by its idempotency key or an equal payload (`duplicate`)."""

    run: Run
    duplicate: bool = False
    by_payload: bool = False
    """Whether it was found by its payload."""


@many
def create(tx: Tx, requests: Sequence[CreateRequest]) -> list[list[Created] | DomainError]:
    """Make runs. Each request is answered for itself, with a domain error when any of its runs is refused."""
    facts = Facts(tx, requests)
    return settle(tx, [draft_all(tx, facts, request) for request in requests])


def settle(tx: Tx, groups: Sequence[list[Draft] | DomainError]) -> list[list[Created] | DomainError]:
    """Write what has no twin; for each draft the run made or found. Errors are passed on."""
    drafts = [draft for group in groups if not isinstance(group, DomainError) for draft in group]
    twins = {draft.run.id: (draft.twin, draft.by_payload) for draft in drafts if draft.twin is not None}
    keyed = idempotency.take(tx, [draft.run for draft in drafts if draft.twin is None])
    twins |= {run_id: (twin, False) for run_id, twin in keyed.items()}
    fresh = [draft for draft in drafts if draft.run.id not in twins] if twins else drafts
    equal = dedup.take(tx, [_claim(draft) for draft in fresh if draft.mark is not None])
    for draft in fresh:
        if draft.admitted:
            equal.pop(draft.run.id, None)
    if equal:
        # Lost to an equal payload of this very moment: the key that was just taken names a run that is not made.
        idempotency.give_back(tx, [draft.run for draft in fresh if draft.run.id in equal])
        twins |= {run_id: (twin, True) for run_id, twin in equal.items()}
        fresh = [draft for draft in fresh if draft.run.id not in equal]
    made = write(tx, fresh)
    return [
        group if isinstance(group, DomainError) else [_created(draft.run.id, made, twins) for draft in group]
        for group in groups
    ]


def _claim(draft: Draft) -> Claim:
    return Claim(run=draft.run, hash=draft.mark or "", window=draft.spec.dedup_window or 0)


def _created(run_id: str, made: Mapping[str, Run], twins: Mapping[str, tuple[Run, bool]]) -> Created:
    if run_id in made:
        return Created(run=made[run_id])
    twin, by_payload = twins[run_id]
    if twin.id in twins:
        # The one that came first in this batch was itself answered by another.
        twin = twins[twin.id][0]
    return Created(run=made.get(twin.id, twin), duplicate=True, by_payload=by_payload)


def spawn(tx: Tx, writer: Writer, requests: Sequence[CreateRequest]) -> list[list[Created] | DomainError]:
    """Make children of the run whose lease the writer names. Raises `LeaseLost`, `NotFound` or `Invalid`.

    Raises `Forbidden` for children in another project than its own.
    """
    if any(new.parent_id != writer.run_id for request in requests for new in request.runs):
        raise Invalid("with a lease only children of its run are made; leave the lease out for other runs")
    parent = fences.open_for(tx, writer)
    if any(request.project_id != parent.project_id for request in requests):
        raise Forbidden("who holds a run of another project makes no runs there")
    return list(create(tx, requests))


def write(tx: Tx, drafts: Sequence[Draft]) -> dict[str, Run]:
    """Put new runs into the store, admitted or held; each by its id."""
    runs = dependents.held(tx, [draft.run for draft in drafts])
    runs = [_limited(tx, draft, run) for draft, run in zip(drafts, runs, strict=True)]
    placed, freed = lanes.admit_new(tx, runs)
    placed = [msgspec.structs.replace(run, due_at=due(run)) for run in placed]
    if placed:
        sql.insert(tx, placed)
        _watch(tx, drafts, placed)
    tags = [
        (draft.run.project_id, tag, value, draft.run.id)
        for draft in drafts
        if draft.tags
        for tag, value in tag_pairs(draft.tags)
    ]
    if tags:
        sql.insert_tags(tx, tags)
    if freed:
        lanes.refill(tx, freed)
    for run in placed:
        data: dict[str, Any] = {"state": run.state.value, "trigger": run.trigger}
        if run.job_name is not None:
            data |= {"job": run.job_name, "job_version": run.job_version}
        for link in ("parent_id", "replay_of", "retry_of", "continuation_of"):
            if getattr(run, link) is not None:
                data[link] = getattr(run, link)
        journal(tx, run, "run.created", run.created_by, data)
    wake(tx, placed)
    return {run.id: run for run in placed}


def _watch(tx: Tx, drafts: Sequence[Draft], runs: Sequence[Run]) -> None:
    begun = [
        agent_runs.Begun(run=run, profile=draft.spec.agent or AgentProfile(), event=draft.event)
        for draft, run in zip(drafts, runs, strict=True)
        if run.agent
    ]
    if begun:
        agent_runs.begin(tx, begun)


def _limited(tx: Tx, draft: Draft, run: Run) -> Run:
    """The run with its lanes, and its start put off when a rate limit says so."""
    spec, job = draft.spec, draft.job
    if job is not None and spec.rate is not None and run.state is not RunState.WAITING:
        run = _in_window(rates.turn(tx, run, spec), draft)
    if job is not None and spec.max_concurrency is not None:
        run = msgspec.structs.replace(run, job_lane=lanes.job_lane(tx, run.project_id, job.id, spec.max_concurrency))
    if run.concurrency_key is not None and spec.max_per_key is not None:
        lane = lanes.key_lane(tx, run.project_id, run.job_id, run.concurrency_key, spec.max_per_key)
        run = msgspec.structs.replace(run, key_lane=lane)
    return run


def _in_window(run: Run, draft: Draft) -> Run:
    """The run, whose turn may have come outside of the job's window, at a time inside of it."""
    if draft.spec.window is None or run.state is not RunState.SCHEDULED or run.available_at is None:
        return run
    opens = windows.opening(draft.spec, draft.zone, run.available_at)
    if opens == run.available_at:
        return run
    return msgspec.structs.replace(run, available_at=opens, waiting_for=Waiting(kind="window", key=draft.spec.window))
