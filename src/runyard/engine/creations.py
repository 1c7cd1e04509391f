"""Making runs: all that a caller asks for or none, once for each idempotency key, within the job's limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from runyard.domain.errors import Conflict, DomainError, Invalid, NotFound
from runyard.domain.jobs import JobSpec, NewRun, merged_tags, tag_pairs
from runyard.domain.moves import due
from runyard.domain.policy import Policy
from runyard.domain.records import Job, Run
from runyard.domain.states import FINAL, RunState
from runyard.engine import classes, fences, idempotency, lanes, rates, transitions
from runyard.engine.fences import Writer
from runyard.engine.leases import rank_of
from runyard.engine.runs import MAX_DEPTH
from runyard.engine.specs import check_payload, spec_of
from runyard.engine.transitions import journal
from runyard.storage.port import Tx, many
from runyard.storage.statements import jobs
from runyard.storage.statements import runs as sql

AD_HOC = JobSpec()
"""What applies to a run of no job."""
FRESH: Mapping[str, Any] = {
    "attempt": 1,
    "epoch": 0,
    "lost": 0,
    "hold": None,
    "hold_lane": None,
    "waiting_for": None,
    "next_retry_at": None,
    "claimed_at": None,
    "started_at": None,
    "heartbeat_at": None,
    "finished_at": None,
    "due_at": None,
    "lease_hash": None,
    "lease_until": None,
    "worker": None,
    "output": None,
    "error": None,
    "error_class": None,
    "resolved_at": None,
    "resolution": None,
    "input_tokens": 0,
    "output_tokens": 0,
    "cost_micro_usd": 0,
    "trace": None,
}
"""A run to which nothing has happened yet."""
_json = msgspec.json.Encoder()


class CreateRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Runs to make for one caller: all of them or none."""

    project_id: int
    runs: tuple[NewRun, ...]
    actor: str | None = None


class Created(msgspec.Struct, frozen=True, kw_only=True):
    """A run made, or found by its idempotency key (`duplicate`)."""

    run: Run
    duplicate: bool = False


class Draft(msgspec.Struct, kw_only=True):
    """A run on its way into the store."""

    run: Run
    tags: Any
    spec: JobSpec
    job: Job | None


@many
def create(tx: Tx, requests: Sequence[CreateRequest]) -> list[list[Created] | DomainError]:
    """Make runs. Each request is answered for itself, with a domain error when any of its runs is refused."""
    outcomes: list[Any] = [None] * len(requests)
    facts = _Facts(tx, requests)
    drafts: list[list[Draft]] = []
    for index, request in enumerate(requests):
        try:
            drafts.append([_draft(tx, facts, request, new) for new in request.runs])
        except DomainError as error:
            outcomes[index] = error
            drafts.append([])
    duplicates = idempotency.take(tx, [draft.run for group in drafts for draft in group])
    fresh = [draft for group in drafts for draft in group if draft.run.id not in duplicates]
    made = write(tx, fresh)
    for index, group in enumerate(drafts):
        if outcomes[index] is None:
            outcomes[index] = [_created(draft.run.id, made, duplicates) for draft in group]
    return outcomes


def spawn(tx: Tx, writer: Writer, requests: Sequence[CreateRequest]) -> list[list[Created] | DomainError]:
    """Make children of the run whose lease the writer names. Raises `LeaseLost`, `NotFound` or `Invalid`."""
    if any(new.parent_id != writer.run_id for request in requests for new in request.runs):
        raise Invalid("with a lease only children of its run are made; leave the lease out for other runs")
    fences.open_for(tx, writer)
    return list(create(tx, requests))


def _created(run_id: str, made: Mapping[str, Run], duplicates: Mapping[str, Run]) -> Created:
    twin = duplicates.get(run_id)
    if twin is None:
        return Created(run=made[run_id])
    return Created(run=made.get(twin.id, twin), duplicate=True)


class _Facts:
    """What the runs of a batch refer to, read once."""

    def __init__(self, tx: Tx, requests: Sequence[CreateRequest]) -> None:
        self.jobs: dict[tuple[int, str], Job] = {}
        self.parents: dict[str, Run] = {}
        self.asked: dict[str, int] = {}
        """How many runs of each job this batch asked for so far."""
        wanted: dict[int, set[str]] = {}
        relatives: set[str] = set()
        for request in requests:
            for new in request.runs:
                if new.job is not None:
                    wanted.setdefault(request.project_id, set()).add(new.job)
                relatives.update(one for one in (new.parent_id, new.continuation_of) if one is not None)
        for project_id, names in wanted.items():
            for name, job in jobs.by_name_or_id(tx, project_id, sorted(names)).items():
                self.jobs[project_id, name] = job
        if relatives:
            self.parents = sql.get(tx, sorted(relatives))


def _draft(tx: Tx, facts: _Facts, request: CreateRequest, new: NewRun) -> Draft:
    job, spec = None, AD_HOC
    if new.job is not None:
        job = facts.jobs.get((request.project_id, new.job))
        if job is None:
            raise NotFound(f"there is no job {new.job!r} in this project")
        check_enabled(job)
        spec = spec_of(job)
        if not _is_answered(tx, spec, job, new):
            facts.asked[job.id] = facts.asked.get(job.id, 0) + 1
            rates.refuse_over(tx, spec, job, facts.asked[job.id])
    check_payload(spec, new.payload)
    depth = _depth(facts, request, new)
    policy: Policy = msgspec.structs.replace(spec.policy, **new.policy) if new.policy else spec.policy
    requires = new.requires if new.requires is not None else spec.requires
    queue, executor = new.queue or spec.queue, new.executor or spec.executor
    job_name = job.name if job else ""
    tags = merged_tags(spec.tags, new.tags)
    metadata = spec.metadata | (new.metadata or {})
    ttl = new.ttl if new.ttl is not None else spec.ttl
    later = new.available_at is not None and new.available_at > tx.now
    begins = new.available_at if later and new.available_at is not None else tx.now
    expires_at = new.expires_at if new.expires_at is not None else (begins + ttl if ttl else None)
    state = RunState.DRAFT if new.draft else RunState.SCHEDULED if later else RunState.QUEUED
    priority = new.priority if new.priority is not None else spec.priority
    run = Run(
        **FRESH,
        id=tx.new_id(),
        project_id=request.project_id,
        state=state,
        class_id=classes.intern(tx, request.project_id, executor, queue, job_name, requires),
        queue=queue,
        requires=_json.encode(requires).decode() if requires else None,
        executor=executor,
        priority=priority,
        rank=rank_of(tx, priority, begins),
        created_at=tx.now,
        updated_at=tx.now,
        policy=policy,
        payload=new.payload,
        tags=_json.encode(tags).decode() if tags else None,
        metadata=_json.encode(metadata).decode() if metadata else None,
        job_id=job.id if job else None,
        job_name=job.name if job else None,
        job_version=job.version if job else None,
        task_id=new.task_id,
        parent_id=new.parent_id,
        replay_of=new.replay_of,
        retry_of=new.retry_of,
        continuation_of=new.continuation_of,
        depth=depth,
        continued=0 if new.continuation_of is None else facts.parents[new.continuation_of].continued + 1,
        batch_id=new.batch_id,
        trigger=new.trigger,
        created_by=new.created_by or request.actor,
        idempotency_key=new.idempotency_key,
        concurrency_key=new.concurrency_key,
        dependency_key=new.dependency_key,
        debug=int(new.debug),
        job_lane=None,
        key_lane=None,
        queued_at=tx.now if state is RunState.QUEUED else None,
        available_at=new.available_at,
        expires_at=expires_at,
    )
    limits = spec if new.max_per_key is None else msgspec.structs.replace(spec, max_per_key=new.max_per_key)
    return Draft(run=run, tags=tags, spec=limits, job=job)


def _is_answered(tx: Tx, spec: JobSpec, job: Job, new: NewRun) -> bool:
    """Whether a rate limit has nothing to say, because the idempotency key already has its run."""
    if new.idempotency_key is None or spec.rate is None or spec.rate.mode != "refuse":
        return False
    return idempotency.is_answered(tx, job.project_id, job.id, new.idempotency_key)


def check_enabled(job: Job) -> None:
    """Raise `Conflict` when the job takes no runs."""
    if not job.enabled:
        raise Conflict(f"the job {job.name!r} is disabled; enable it first")


def _depth(facts: _Facts, request: CreateRequest, new: NewRun) -> int:
    depth = 0
    for relative in (new.parent_id, new.continuation_of):
        if relative is None:
            continue
        run = facts.parents.get(relative)
        if run is None or run.project_id != request.project_id:
            raise NotFound(f"there is no run {relative} in this project")
        depth = max(depth, run.depth + 1)
    if depth > MAX_DEPTH:
        raise Invalid(f"runs may not be nested deeper than {MAX_DEPTH} levels")
    if new.parent_id is not None and facts.parents[new.parent_id].state in FINAL:
        raise Conflict("the parent run has ended; an ended run takes no children")
    return depth


def write(tx: Tx, drafts: Sequence[Draft]) -> dict[str, Run]:
    """Put new runs into the store, admitted or held; each by its id. Raises `RateLimited`."""
    runs = [_limited(tx, draft) for draft in drafts]
    placed, freed = lanes.admit_new(tx, runs)
    placed = [msgspec.structs.replace(run, due_at=due(run)) for run in placed]
    if placed:
        sql.insert(tx, placed)
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
    transitions.wake(tx, placed)
    return {run.id: run for run in placed}


def _limited(tx: Tx, draft: Draft) -> Run:
    """The run with its lanes, and its start put off when a rate limit says so. Raises `RateLimited`."""
    run, spec, job = draft.run, draft.spec, draft.job
    if job is not None and spec.rate is not None:
        run = rates.turn(tx, run, spec)
    if job is not None and spec.max_concurrency is not None:
        run = msgspec.structs.replace(run, job_lane=lanes.job_lane(tx, run.project_id, job.id, spec.max_concurrency))
    if run.concurrency_key is not None and spec.max_per_key is not None:
        lane = lanes.key_lane(tx, run.project_id, run.job_id, run.concurrency_key, spec.max_per_key)
        run = msgspec.structs.replace(run, key_lane=lane)
    return run
