"""Making runs, and what people do with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from runyard.domain.errors import Conflict, DomainError, IllegalMove, Invalid, NotFound, RateLimited
from runyard.domain.jobs import JobSpec, NewRun, merged_tags, tag_pairs
from runyard.domain.moves import changed, due, move
from runyard.domain.policy import Policy
from runyard.domain.records import Job, Run, Waiting
from runyard.domain.states import ENDED, FINAL, RESOLVABLE, RunState
from runyard.engine import classes, lanes, rates, schemas, transitions
from runyard.engine.leases import rank_of
from runyard.engine.transitions import apply, journal
from runyard.storage.port import Tx, many
from runyard.storage.statements import idempotency, jobs
from runyard.storage.statements import runs as sql

MAX_DEPTH = 100
_json = msgspec.json.Encoder()
_spec_decoder = msgspec.json.Decoder(JobSpec)
_AD_HOC = JobSpec()


class CreateRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Runs to make for one caller: all of them or none."""

    project_id: int
    runs: tuple[NewRun, ...]
    actor: str | None = None


class Created(msgspec.Struct, frozen=True, kw_only=True):
    """A run made, or found by its idempotency key (`duplicate`)."""

    run: Run
    duplicate: bool = False


class _Draft(msgspec.Struct, kw_only=True):
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
    drafts: list[list[_Draft]] = []
    for index, request in enumerate(requests):
        try:
            drafts.append([_draft(tx, facts, request, new) for new in request.runs])
        except DomainError as error:
            outcomes[index] = error
            drafts.append([])
    duplicates = _take_keys(tx, [draft for group in drafts for draft in group])
    fresh = [draft for group in drafts for draft in group if draft.run.id not in duplicates]
    made = _write(tx, fresh)
    for index, group in enumerate(drafts):
        if outcomes[index] is None:
            outcomes[index] = [_created(draft.run.id, made, duplicates) for draft in group]
    return outcomes


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


def _draft(tx: Tx, facts: _Facts, request: CreateRequest, new: NewRun) -> _Draft:
    job, spec = None, _AD_HOC
    if new.job is not None:
        job = facts.jobs.get((request.project_id, new.job))
        if job is None:
            raise NotFound(f"there is no job {new.job!r} in this project")
        _check_enabled(job)
        spec = spec_of(job)
        if not _is_answered(tx, spec, job, new):
            facts.asked[job.id] = facts.asked.get(job.id, 0) + 1
            refuse_over_rate(tx, spec, job, facts.asked[job.id])
    _check_payload(spec, new.payload)
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
        id=tx.new_id(),
        project_id=request.project_id,
        state=state,
        class_id=classes.intern(tx, request.project_id, executor, queue, job_name, requires),
        queue=queue,
        requires=_json.encode(requires).decode() if requires else None,
        executor=executor,
        priority=priority,
        rank=rank_of(tx, priority, begins),
        attempt=1,
        epoch=0,
        lost=0,
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
        batch_id=new.batch_id,
        trigger=new.trigger,
        created_by=new.created_by or request.actor,
        idempotency_key=new.idempotency_key,
        concurrency_key=new.concurrency_key,
        job_lane=None,
        key_lane=None,
        hold=None,
        hold_lane=None,
        waiting_for=None,
        queued_at=tx.now if state is RunState.QUEUED else None,
        available_at=new.available_at,
        next_retry_at=None,
        expires_at=expires_at,
        claimed_at=None,
        started_at=None,
        heartbeat_at=None,
        finished_at=None,
        due_at=None,
        lease_hash=None,
        lease_until=None,
        worker=None,
        output=None,
        error=None,
        error_class=None,
        resolved_at=None,
        resolution=None,
        input_tokens=0,
        output_tokens=0,
        cost_micro_usd=0,
    )
    limits = spec if new.max_per_key is None else msgspec.structs.replace(spec, max_per_key=new.max_per_key)
    return _Draft(run=run, tags=tags, spec=limits, job=job)


def _is_answered(tx: Tx, spec: JobSpec, job: Job, new: NewRun) -> bool:
    """Whether a rate limit has nothing to say, because the idempotency key already has its run."""
    if new.idempotency_key is None or spec.rate is None or spec.rate.mode != "refuse":
        return False
    holders = idempotency.holders(tx, job.project_id, [(job.id, new.idempotency_key)])
    return any(_answers_for_key(run, tx.now) for run in sql.get(tx, list(holders.values())).values())


def _check_enabled(job: Job) -> None:
    if not job.enabled:
        raise Conflict(f"the job {job.name!r} is disabled; enable it first")


def _check_payload(spec: JobSpec, payload: str) -> None:
    problems = schemas.check(spec.payload_schema, payload) if spec.payload_schema is not None else None
    if problems:
        raise schemas.mismatch("the payload does not match the job's payload schema", problems)


def _check_edited(tx: Tx, run: Run, payload: str) -> None:
    """Raise `PayloadMismatch` when another payload for the run does not match what its job asks for now."""
    job = _job_of(tx, run)
    if job is not None:
        _check_payload(spec_of(job), payload)


def _job_of(tx: Tx, run: Run) -> Job | None:
    """The run's job as it is now; None for an ad-hoc run, or when the job is gone."""
    return jobs.by_name_or_id(tx, run.project_id, [run.job_id]).get(run.job_id) if run.job_id is not None else None


def spec_of(job: Job) -> JobSpec:
    """The job's current definition."""
    return _spec_decoder.decode(job.spec)


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


def _scope(run: Run) -> str:
    return run.job_id or ""


def _take_keys(tx: Tx, drafts: Sequence[_Draft]) -> dict[str, Run]:
    """Take the idempotency keys of new runs; for each run whose key is in use, the run that has it."""
    keyed = [draft.run for draft in drafts if draft.run.idempotency_key is not None]
    if not keyed:
        return {}
    rows = [(run.project_id, _scope(run), run.idempotency_key or "", run.id) for run in keyed]
    idempotency.take(tx, rows)
    mine = {run.id: run for run in keyed}
    duplicates: dict[str, Run] = {}
    for project_id in {run.project_id for run in keyed}:
        group = [run for run in keyed if run.project_id == project_id]
        holders = idempotency.holders(tx, project_id, [(_scope(run), run.idempotency_key or "") for run in group])
        others = sql.get(tx, sorted({run_id for run_id in holders.values() if run_id not in mine}))
        for run in group:
            holder = holders[_scope(run), run.idempotency_key or ""]
            if holder == run.id:
                continue
            twin = mine.get(holder) or others.get(holder)
            if twin is not None and _answers_for_key(twin, tx.now):
                duplicates[run.id] = twin
                continue
            changed_rows = tx.run(
                idempotency.RETAKE,
                project_id=project_id,
                scope=_scope(run),
                name=run.idempotency_key,
                stale=holder,
                run_id=run.id,
            )
            if not changed_rows:
                winner = idempotency.holders(tx, project_id, [(_scope(run), run.idempotency_key or "")])
                duplicates[run.id] = sql.get(tx, list(winner.values()))[winner[_scope(run), run.idempotency_key or ""]]
            else:
                for key in holders:
                    if key == (_scope(run), run.idempotency_key or ""):
                        holders[key] = run.id
    return duplicates


def _answers_for_key(run: Run, now: int) -> bool:
    """Whether a run still holds its key: while it is live, and for its policy's window after its end."""
    if run.state not in ENDED or run.finished_at is None or run.policy.idempotency_window is None:
        return True
    return run.finished_at + run.policy.idempotency_window > now


def _write(tx: Tx, drafts: Sequence[_Draft]) -> dict[str, Run]:
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


def _limited(tx: Tx, draft: _Draft) -> Run:
    """The run with its lanes, and its start put off when a rate limit says so. Raises `RateLimited`."""
    run, spec, job = draft.run, draft.spec, draft.job
    if job is not None and spec.rate is not None:
        run = _rated(tx, run, spec)
    if job is not None and spec.max_concurrency is not None:
        run = msgspec.structs.replace(run, job_lane=lanes.job_lane(tx, run.project_id, job.id, spec.max_concurrency))
    if run.concurrency_key is not None and spec.max_per_key is not None:
        lane = lanes.key_lane(tx, run.project_id, run.job_id, run.concurrency_key, spec.max_per_key)
        run = msgspec.structs.replace(run, key_lane=lane)
    return run


def _rated(tx: Tx, run: Run, spec: JobSpec) -> Run:
    rate = spec.rate
    if rate is None or rate.mode == "refuse" or run.state is RunState.DRAFT:
        return run
    at = rates.reserve(tx, run.project_id, f"job:{run.job_id}", rate, run.available_at or tx.now)
    if at <= tx.now:
        return run
    return msgspec.structs.replace(
        run, state=RunState.SCHEDULED, available_at=at, queued_at=None, waiting_for=Waiting(kind="rate")
    )


def refuse_over_rate(tx: Tx, spec: JobSpec, job: Job, asked: int) -> None:
    """Raise `RateLimited` when the job's refusing rate limit has no place for so many more runs now."""
    if spec.rate is None or spec.rate.mode != "refuse":
        return
    wait = rates.refusal(tx, job.id, spec.rate, asked)
    if wait is not None:
        raise RateLimited(
            f"the job {job.name!r} takes {spec.rate.max} runs in {spec.rate.window / 1e6:g} s; try again in {wait} s",
            retry_after=wait,
        )


def find(tx: Tx, project_id: int, run_id: str, *, lock: bool = False) -> Run:
    """The run. Raises `NotFound`, for another project's run as well."""
    run = (sql.lock if lock else sql.get)(tx, [run_id]).get(run_id)
    if run is None or run.project_id != project_id:
        raise NotFound(f"there is no run {run_id} in this project")
    return run


def _moved(tx: Tx, run: Run, verb: str, actor: str | None, reason: str | None, **changes: Any) -> Run:
    data = {"reason": reason} if reason else None
    return apply(tx, [move(run, verb, tx.now, actor=actor, data=data, **changes)])[0]


def cancel(tx: Tx, project_id: int, run_id: str, *, actor: str | None = None, reason: str | None = None) -> Run:
    """Cancel the run and every live run below it. An ended run is refused; a canceled one is answered as it is."""
    run = find(tx, project_id, run_id, lock=True)
    if run.state is RunState.CANCELED:
        return run
    after = _moved(
        tx, run, "cancel", actor, reason, error=_error(reason or "canceled", "canceled"), error_class="canceled"
    )
    _cancel_below(tx, [run.id], actor)
    return after


def _cancel_below(tx: Tx, ids: list[str], actor: str | None) -> None:
    for _ in range(MAX_DEPTH):
        children = [sql.from_row(row) for row in tx.rows(sql.CHILDREN, ids=sorted(ids))] if ids else []
        if not children:
            return
        live = [run for run in children if run.state not in FINAL]
        said: dict[str, Any] = {"data": {"reason": "parent canceled"}, "error_class": "canceled"}
        error = _error("parent run canceled", "canceled")
        apply(tx, [move(run, "cancel", tx.now, actor=actor, error=error, **said) for run in live])
        ids = [run.id for run in children]


def pause(tx: Tx, project_id: int, run_id: str, *, actor: str | None = None, reason: str | None = None) -> Run:
    """Park the run; whoever holds it loses the lease. Pausing a paused run changes nothing."""
    run = find(tx, project_id, run_id, lock=True)
    if run.state is RunState.PAUSED:
        return run
    kept = {"waiting_for": run.waiting_for, "next_retry_at": run.next_retry_at}
    return _moved(tx, run, "pause", actor, reason, **kept)


def resume(tx: Tx, project_id: int, run_id: str, *, actor: str | None = None, reason: str | None = None) -> Run:
    """Let a paused run go on: it waits again for what it waited for, or is queued, or keeps its later time."""
    run = find(tx, project_id, run_id, lock=True)
    if run.state is RunState.PAUSED and run.waiting_for is not None and run.waiting_for.kind != "rate":
        return _moved(tx, run, "resume_wait", actor, reason, waiting_for=run.waiting_for)
    if run.state is RunState.PAUSED and run.queued_at is None and (run.available_at or 0) > tx.now:
        return _moved(tx, run, "resume_later", actor, reason)
    if run.state is RunState.PAUSED and (run.next_retry_at or 0) > tx.now:
        return _moved(tx, run, "resume", actor, reason, hold="retry", next_retry_at=run.next_retry_at)
    return _moved(tx, run, "resume", actor, reason)


def publish(tx: Tx, project_id: int, run_id: str, *, actor: str | None = None, reason: str | None = None) -> Run:
    """Ask for a draft to be run."""
    run = find(tx, project_id, run_id, lock=True)
    job, turn = _job_of(tx, run), run
    if job is not None and run.state is RunState.DRAFT:
        # The job's rate gives a draft its turn only now that it is asked for.
        turn = _rated(tx, msgspec.structs.replace(run, state=RunState.QUEUED), spec_of(job))
    if (turn.available_at or 0) > tx.now:
        later = {"available_at": turn.available_at, "waiting_for": turn.waiting_for}
        return _moved(tx, run, "schedule", actor, reason, **later)
    return _moved(tx, run, "publish", actor, reason, rank=rank_of(tx, run.priority, tx.now))


def reschedule(
    tx: Tx,
    project_id: int,
    run_id: str,
    *,
    available_at: int | None,
    payload: str | None = None,
    actor: str | None = None,
) -> Run:
    """Give a run nobody has taken another time, perhaps another payload; its time to live moves along."""
    run = find(tx, project_id, run_id, lock=True)
    if run.epoch > 0:
        raise IllegalMove(
            "a run that was claimed before cannot be rescheduled; replay it instead", state=run.state.value
        )
    if payload is not None:
        _check_edited(tx, run, payload)
    at = available_at if available_at is not None and available_at > tx.now else None
    shift = (at or tx.now) - (run.available_at or run.queued_at or run.created_at)
    changes: dict[str, Any] = {"available_at": at, "waiting_for": None}
    if run.expires_at is not None:
        changes["expires_at"] = max(run.expires_at + shift, (at or tx.now) + 1)
    if at is None:
        changes |= {"rank": rank_of(tx, run.priority, tx.now), "queued_at": tx.now}
    else:
        changes |= {"rank": rank_of(tx, run.priority, at), "queued_at": None}
    verb = "reschedule" if at is not None else "publish" if run.state is RunState.DRAFT else "run_now"
    after = _moved(tx, run, verb, actor, None, **changes)
    if payload is not None:
        tx.run(sql.SET_PAYLOAD, id=run.id, payload=payload)
        after = msgspec.structs.replace(after, payload=payload)
    return after


def requeue(tx: Tx, project_id: int, run_id: str, *, actor: str | None = None, reason: str | None = None) -> Run:
    """Take a run out of the dead letter (or back from needing attention): the same run, first attempt again."""
    run = find(tx, project_id, run_id, lock=True)
    ttl = _time_to_live(run)
    return _moved(
        tx,
        run,
        "requeue",
        actor,
        reason,
        attempt=1,
        lost=0,
        queued_at=tx.now,
        available_at=None,
        rank=rank_of(tx, run.priority, tx.now),
        finished_at=None,
        error=None,
        error_class=None,
        lease_hash=None,
        resolved_at=None,
        resolution=None,
        expires_at=tx.now + ttl if ttl is not None else None,
    )


def discard(tx: Tx, project_id: int, run_id: str, *, actor: str | None = None, reason: str | None = None) -> Run:
    """Give a dead-lettered run up for good: it ends as failed, and as handled."""
    run = find(tx, project_id, run_id, lock=True)
    resolution = {"kind": "discarded"} | ({"reason": reason} if reason else {}) | ({"by": actor} if actor else {})
    text = _json.encode(resolution).decode()
    return _moved(tx, run, "discard", actor, reason, resolved_at=tx.now, resolution=text)


def resolve(tx: Tx, project_id: int, run_id: str, *, actor: str | None = None, reason: str | None = None) -> Run:
    """Mark an unsuccessful run as handled. Doing so again changes nothing."""
    run = find(tx, project_id, run_id, lock=True)
    if run.state not in RESOLVABLE:
        raise IllegalMove(f"a run that is {run.state} has nothing to resolve", state=run.state.value)
    if run.resolved_at is not None:
        return run
    resolution = {"kind": "resolved"} | ({"reason": reason} if reason else {})
    return transitions.resolve(tx, run, actor=actor, resolution=resolution)


def reset_idempotency(tx: Tx, project_id: int, run_id: str, *, actor: str | None = None) -> Run:
    """Free the run's idempotency key for a new run; without a key nothing happens."""
    run = find(tx, project_id, run_id, lock=True)
    if run.idempotency_key is None:
        return run
    tx.run(idempotency.FREE, project_id=project_id, scope=_scope(run), name=run.idempotency_key, run_id=run.id)
    after = changed(run, idempotency_key=None, updated_at=tx.now)
    sql.save(tx, [run], [after])
    journal(tx, after, "run.idempotency_reset", actor, {})
    return after


def replay(tx: Tx, project_id: int, run_id: str, *, payload: str | None = None, actor: str | None = None) -> Run:
    """A new run linked to an ended one, with its payload or another. The old one stays as it is."""
    old = find(tx, project_id, run_id)
    if old.state not in ENDED and old.state is not RunState.NEEDS_ATTENTION:
        raise IllegalMove(
            f"a run that is {old.state} has not ended; only ended runs are replayed", state=old.state.value
        )
    if payload is not None:
        _check_edited(tx, old, payload)
    return _again(tx, old, payload if payload is not None else old.payload, actor, replay_of=old.id, trigger="replay")


def retry(
    tx: Tx, project_id: int, run_id: str, *, config: Mapping[str, Any] | None = None, actor: str | None = None
) -> Run:
    """A new run like an ended one, its payload's `config` overlaid shallowly for this run only."""
    old = find(tx, project_id, run_id)
    if old.state not in ENDED:
        raise IllegalMove(
            f"a run that is {old.state} has not ended; only ended runs are retried", state=old.state.value
        )
    payload = old.payload
    if config:
        value = msgspec.json.decode(old.payload)
        if value is None:
            value = {}
        if not isinstance(value, dict) or not isinstance(value.get("config", {}), dict):
            raise Invalid("a config override needs a payload that is an object, with an object as its `config`")
        payload = _json.encode(value | {"config": value.get("config", {}) | dict(config)}).decode()
        _check_edited(tx, old, payload)
    return _again(tx, old, payload, actor, retry_of=old.id, trigger="retry")


def _again(tx: Tx, old: Run, payload: str, actor: str | None, **links: Any) -> Run:
    """The old run's definition as a new run: same job version, policy, priority, tags, key; a fresh life.

    The limits of its job are those of today. Raises `Conflict` while the job is disabled, and `RateLimited`.
    """
    job = _job_of(tx, old)
    spec = spec_of(job) if job is not None else _AD_HOC
    if job is not None:
        _check_enabled(job)
        refuse_over_rate(tx, spec, job, 1)
    ttl = _time_to_live(old)
    links = {"replay_of": None, "retry_of": None} | links
    fresh = msgspec.structs.replace(
        old,
        id=tx.new_id(),
        state=RunState.QUEUED,
        rank=rank_of(tx, old.priority, tx.now),
        attempt=1,
        epoch=0,
        lost=0,
        created_at=tx.now,
        updated_at=tx.now,
        payload=payload,
        parent_id=None,
        continuation_of=None,
        batch_id=None,
        depth=0,
        created_by=actor,
        idempotency_key=None,
        hold=None,
        hold_lane=None,
        waiting_for=None,
        queued_at=tx.now,
        available_at=None,
        next_retry_at=None,
        expires_at=tx.now + ttl if ttl is not None else None,
        claimed_at=None,
        started_at=None,
        heartbeat_at=None,
        finished_at=None,
        due_at=None,
        lease_hash=None,
        lease_until=None,
        worker=None,
        output=None,
        error=None,
        error_class=None,
        resolved_at=None,
        resolution=None,
        input_tokens=0,
        output_tokens=0,
        cost_micro_usd=0,
        **links,
    )
    tags = msgspec.json.decode(old.tags) if old.tags else {}
    made = _write(tx, [_Draft(run=fresh, tags=tags, spec=spec, job=job)])[fresh.id]
    journal(
        tx,
        old,
        f"run.{links['trigger']}ed" if links["trigger"] == "replay" else "run.retried",
        actor,
        {"new_run_id": made.id},
    )
    return made


def _time_to_live(run: Run) -> int | None:
    if run.expires_at is None:
        return None
    return run.expires_at - (run.available_at or run.queued_at or run.created_at)


def _error(message: str, kind: str) -> str:
    return _json.encode({"message": message, "kind": kind}).decode()
