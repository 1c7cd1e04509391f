"""Runs on their way into the store: what the request, the job and the defaults make of each, and what refuses it.

A run of a job is refused or answered in this order: the job is there and enabled; the payload matches its schema; the
idempotency key already has its run; the project's quotas; the job's rate limit; an equal payload made a run lately.
Nothing is written here but interned classes.
"""

from __future__ import annotations

from typing import Any

import msgspec

from runyard.domain.agents import CONFIG, AgentRow, AgentState
from runyard.domain.errors import Conflict, DomainError, Invalid, JobDisabled, NotFound
from runyard.domain.jobs import JobSpec, NewRun, Tags, merged_tags
from runyard.domain.moves import FRESH
from runyard.domain.policy import Policy
from runyard.domain.presets import OVERRIDE
from runyard.domain.records import Job, Run, Waiting
from runyard.domain.states import FINAL, RunState
from runyard.engine import classes, rates, windows
from runyard.engine.classes import rank_of
from runyard.engine.facts import CreateRequest, Facts
from runyard.engine.runs import MAX_DEPTH
from runyard.engine.specs import check_payload
from runyard.engine.tasks.queueing import OF_TASKS
from runyard.storage.port import Tx

AD_HOC = JobSpec()
"""What applies to a run of no job."""
DEFAULT_TIMEOUT = 300_000_000
"""How long an attempt without a timeout is reckoned to take."""
_json = msgspec.json.Encoder()


class Draft(msgspec.Struct, kw_only=True):
    """A run on its way into the store."""

    run: Run
    tags: Any
    spec: JobSpec
    job: Job | None
    zone: str = "UTC"
    """Where the job's window is read."""
    mark: str | None = None
    """The hash of the payload, where an equal one is to be answered with this run."""
    twin: Run | None = None
    """The run that answers in its place."""
    by_payload: bool = False
    """Whether the twin answers for the payload, not for the idempotency key."""
    event: str | None = None
    """What exactly began the run, where it is an agent's."""
    admitted: bool = False
    """Whether it was let through before, so that no equal payload stands in its way."""


def draft_all(tx: Tx, facts: Facts, request: CreateRequest) -> list[Draft] | DomainError:
    """All runs of a request, or why they are refused; `item` of the error's extra says which one is to blame."""
    drafts = []
    for item, new in enumerate(request.runs):
        try:
            drafts.append(_draft(tx, facts, request, new))
        except DomainError as error:
            error.extra["item"] = item
            return error
    return drafts


def check_enabled(job: Job) -> None:
    """Raise `JobDisabled` when the job takes no runs."""
    if not job.enabled:
        raise JobDisabled(f"the job {job.name!r} is disabled; enable it first")


def _check_deployed(agent: AgentRow | None) -> None:
    if agent is not None and (agent.state is not AgentState.DEPLOYED or agent.deleted_at is not None):
        state = "deleted" if agent.deleted_at is not None else agent.state.value
        raise Conflict(f"the agent is {state} and takes no runs; only one that is deployed does")


def _draft(tx: Tx, facts: Facts, request: CreateRequest, new: NewRun) -> Draft:
    job = facts.job(request.project_id, new)
    spec = facts.spec(job) if job is not None else AD_HOC
    twin, by_payload = None, False
    if request.checks != "none":
        if job is not None:
            check_enabled(job)
            _check_deployed(facts.agents.get(job.id))
        if request.checks == "all":
            check_payload(spec, new.payload)
        if facts.answers:
            scope = job.id if job is not None else ""
            twin = facts.answers.get((request.project_id, scope, new.idempotency_key or ""))
        if twin is None:
            twin = _limited(tx, facts, request, new, job, spec)
            by_payload = twin is not None
    zone = windows.zone_of(spec, facts.settings.get(request.project_id))
    tags = merged_tags(spec.tags, new.tags)
    return Draft(
        run=_run(tx, facts, request, new, job=job, spec=spec, tags=tags, zone=zone),
        tags=tags,
        spec=spec if new.max_per_key is None else msgspec.structs.replace(spec, max_per_key=new.max_per_key),
        job=job,
        zone=zone,
        mark=facts.hashes.get(id(new)),
        twin=twin,
        by_payload=by_payload,
        event=new.event,
        admitted=request.checks == "none",
    )


def _limited(tx: Tx, facts: Facts, request: CreateRequest, new: NewRun, job: Job | None, spec: JobSpec) -> Run | None:
    """Take what limits the run; the run that an equal payload made lately, if any. Raises `RateLimited`."""
    mark = (job.id, facts.hashes[id(new)]) if job is not None and id(new) in facts.hashes else None
    key = None
    if new.idempotency_key is not None:
        key = (str(request.project_id), job.id if job is not None else "", new.idempotency_key)
    repeats = {one for one in (key, mark) if one is not None} if request.checks == "all" else set()
    if facts.seen.isdisjoint(repeats):
        later = new.available_at is not None and new.available_at > tx.now
        facts.quotas.refuse_over(request.project_id, queued=not later and not new.draft)
        if job is not None and spec.rate is not None and spec.rate.mode == "refuse":
            if job.id not in facts.recent:
                facts.recent[job.id] = rates.made_lately(tx, job.id, spec.rate)
            asked = facts.asked[job.id] = facts.asked.get(job.id, 0) + 1
            rates.refuse_over(tx, spec, job, asked, made=facts.recent[job.id])
    facts.seen |= repeats
    return facts.marks.get(mark) if mark is not None and request.checks == "all" else None


def _run(
    tx: Tx, facts: Facts, request: CreateRequest, new: NewRun, *, job: Job | None, spec: JobSpec, tags: Tags, zone: str
) -> Run:
    depth = _depth(facts, request, new)
    policy: Policy = msgspec.structs.replace(spec.policy, **new.policy) if new.policy else spec.policy
    requires = new.requires if new.requires is not None else spec.requires
    queue, executor = new.queue or spec.queue, new.executor or spec.executor
    if executor in OF_TASKS:
        raise Invalid(f"runs for executor {executor!r} are made of tasks; queue a run of a task instead")
    if new.metadata and OVERRIDE in new.metadata:
        raise Invalid(f"`{OVERRIDE}` in metadata is the server's own; a restart with a preset sets it")
    metadata = spec.metadata | new.metadata if new.metadata else spec.metadata
    if spec.agent is not None:
        # What counts for this run stays with it, whatever becomes of the agent.
        metadata = {CONFIG: spec.agent.config} | metadata
    wanted = max(tx.now, new.available_at or tx.now)
    begins = wanted if new.draft or spec.window is None else windows.opening(spec, zone, wanted)
    later = begins > tx.now
    state = RunState.DRAFT if new.draft else RunState.SCHEDULED if later else RunState.QUEUED
    priority = new.priority if new.priority is not None else spec.priority
    expires_at = _expiry(new, spec, policy, begins)
    run = Run(
        **FRESH,
        id=tx.new_id(),
        project_id=request.project_id,
        state=state,
        class_id=_class(tx, facts, request.project_id, executor, queue, job, requires),
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
        agent=None if spec.agent is None else 1,
        job_lane=None,
        key_lane=None,
        queued_at=tx.now if state is RunState.QUEUED else None,
        available_at=begins if begins > wanted else new.available_at,
        expires_at=expires_at,
        ttl=expires_at - begins if expires_at is not None else None,
    )
    if begins == wanted:
        return run
    return msgspec.structs.replace(run, waiting_for=Waiting(kind="window", key=spec.window))


def _class(
    tx: Tx, facts: Facts, project_id: int, executor: str, queue: str, job: Job | None, requires: tuple[str, ...]
) -> int:
    return 0 if facts.dry else classes.intern(tx, project_id, executor, queue, job.name if job else "", requires)


def _expiry(new: NewRun, spec: JobSpec, policy: Policy, begins: int) -> int | None:
    """When the run is no longer worth taking."""
    if new.expires_at is not None:
        return new.expires_at
    ttl = new.ttl if new.ttl is not None else spec.ttl
    if not ttl and new.spare is not None:
        ttl = (policy.timeout or DEFAULT_TIMEOUT) + new.spare
    return begins + ttl if ttl else None


def _depth(facts: Facts, request: CreateRequest, new: NewRun) -> int:
    depth = 0
    for relative in (new.parent_id, new.continuation_of):
        if relative is None:
            continue
        run = facts.parents.get(relative)
        if run is None or run.project_id != (request.relatives_in or request.project_id):
            raise NotFound(f"there is no run {relative} in this project")
        depth = max(depth, run.depth + 1)
    if depth > MAX_DEPTH:
        raise Invalid(f"runs may not be nested deeper than {MAX_DEPTH} levels")
    if new.parent_id is not None and facts.parents[new.parent_id].state in FINAL:
        raise Conflict("the parent run has ended; an ended run takes no children")
    return depth
