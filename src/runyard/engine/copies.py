"""New runs like ended ones: replays (with their payload or another) and retries (with another config)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from runyard.domain.agents import AgentRow, AgentState
from runyard.domain.errors import Conflict, DomainError, IllegalMove, Invalid, NotFound, RateLimited
from runyard.domain.jobs import JobSpec
from runyard.domain.moves import FRESH
from runyard.domain.records import Job, Run
from runyard.domain.states import ENDED, RunState
from runyard.engine import checkpoints, rates, sizes
from runyard.engine.classes import rank_of
from runyard.engine.creations import AD_HOC, Draft, check_enabled, write
from runyard.engine.drafts import DEFAULT_TIMEOUT
from runyard.engine.ledger import journal
from runyard.engine.runs import Outcome, check_edited, lock_many, only
from runyard.engine.specs import spec_of
from runyard.storage.port import Tx
from runyard.storage.statements import agents, jobs

REPLAYABLE = ENDED | {RunState.NEEDS_ATTENTION}
_PLURAL = {"replay": "replayed", "retry": "retried"}
_json = msgspec.json.Encoder()
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_EMPTY = msgspec.Raw(b"{}")


def replay(
    tx: Tx, /, project_id: int, run_id: str, *, payload: str | None = None, actor: str | None = None, **said: Any
) -> Run:
    """A new run linked to an ended one, with its payload or another. The old one stays as it is.

    Takes what `replay_many` takes, and raises what the run is refused with.
    """

    def edited(old: Run) -> Run:
        if payload is None:
            return old
        check_edited(tx, old, payload)
        return msgspec.structs.replace(old, payload=payload)

    return only(_many(tx, project_id, [run_id], "replay", edited, actor, **said))


def replay_from(tx: Tx, /, project_id: int, run_id: str, number: int, *, actor: str | None = None, **said: Any) -> Run:
    """A replay with a checkpoint's state as its payload, and in debug mode. Raises `NotFound`."""

    def edited(old: Run) -> Run:
        return msgspec.structs.replace(old, payload=checkpoints.get(tx, project_id, old.id, number).state)

    return only(_many(tx, project_id, [run_id], "replay", edited, actor, debug=True, **said))


def replay_many(
    tx: Tx,
    project_id: int,
    ids: Sequence[str],
    *,
    actor: str | None = None,
    among: frozenset[RunState] = REPLAYABLE,
    bare: bool = False,
    spare: int | None = None,
) -> list[Outcome]:
    """Replays of the runs that are in one of those states; what became of each.

    A `bare` replay leaves out metadata, concurrency and dependency key, counts as made by hand, and needs the job.
    Where neither run nor job say how long it may wait to be taken, it may as long as an attempt may take and `spare`.
    """
    return _many(tx, project_id, ids, "replay", _same, actor, among=among, bare=bare, spare=spare)


def retry(
    tx: Tx, project_id: int, run_id: str, *, config: Mapping[str, Any] | None = None, actor: str | None = None
) -> Run:
    """A new run like an ended one, its config overlaid shallowly for this run only.

    The config of an agent's run stands in its metadata, any other's in its payload.
    """

    def edited(old: Run) -> Run:
        if not config:
            return old
        if old.agent:
            metadata = _overlaid(old.metadata or "{}", config)
            # Retries of retries would pile up what each lays over the last one's.
            sizes.within(sizes.DOCUMENT, "the run's metadata with this config", metadata)
            return msgspec.structs.replace(old, metadata=metadata)
        payload = _overlaid(old.payload, config)
        check_edited(tx, old, payload)
        return msgspec.structs.replace(old, payload=payload)

    return only(_many(tx, project_id, [run_id], "retry", edited, actor, among=ENDED))


def retry_many(tx: Tx, project_id: int, ids: Sequence[str], *, actor: str | None = None) -> list[Outcome]:
    """New runs like the ended ones; what became of each."""
    return _many(tx, project_id, ids, "retry", _same, actor, among=ENDED)


def _same(old: Run) -> Run:
    return old


def _overlaid(payload: str, config: Mapping[str, Any]) -> str:
    """The payload with its `config` overlaid; everything else in it stays as it was written. Raises `Invalid`."""
    try:
        whole = {} if payload == "null" else _members(payload)
        inner = _members(bytes(whole.get("config", _EMPTY)))
    except msgspec.DecodeError:
        raise Invalid("a config override needs a payload that is an object, with an object as its `config`") from None
    return _json.encode({**whole, "config": {**inner, **config}}).decode()


def _many(
    tx: Tx,
    project_id: int,
    ids: Sequence[str],
    kind: str,
    edited: Callable[[Run], Run],
    actor: str | None,
    *,
    among: frozenset[RunState] = REPLAYABLE,
    bare: bool = False,
    debug: bool = False,
    spare: int | None = None,
) -> list[Outcome]:
    """The old runs' definitions as new runs: same job version, policy, priority, tags, keys; a fresh life.

    The limits of their jobs are those of today: `Conflict` while a job is disabled, and `RateLimited`.
    """
    found = lock_many(tx, project_id, ids)
    known = _jobs(tx, project_id, found)
    agents_of = agents.get(tx, sorted({run.job_id for run in found.values() if run.agent and run.job_id is not None}))
    outcomes: dict[str, Outcome] = {}
    drafts: dict[str, Draft] = {}
    for run_id in dict.fromkeys(ids):
        old = found.get(run_id)
        try:
            if old is None:
                raise NotFound(f"there is no run {run_id[:64]} in this project")
            if old.task_id is not None:
                raise Conflict(
                    f"the run is of a task and cannot be {_PLURAL[kind]}; queue another run of the task",
                    task_id=old.task_id,
                )
            if old.state not in among:
                raise IllegalMove(
                    f"a run that is {old.state} cannot be {_PLURAL[kind]}; only ended runs can", state=old.state.value
                )
            job = known.get(old.job_id or "")
            if job is None and old.job_id is not None and bare:
                raise Conflict("the run's job is gone; there is nothing to replay it with")
            if job is not None:
                _check_takes(job, agents_of.get(job.id))
            ttl = _time_to_live(old, job, bare=bare, spare=spare)
            drafts[run_id] = _draft(tx, edited(old), job, kind, actor, ttl=ttl, bare=bare, debug=debug)
        except DomainError as refused:
            outcomes[run_id] = refused
    outcomes |= _over_the_rate(tx, drafts)
    made = write(tx, [draft for run_id, draft in drafts.items() if run_id not in outcomes])
    for run_id, draft in drafts.items():
        if run_id not in outcomes:
            outcomes[run_id] = made[draft.run.id]
            journal(tx, found[run_id], f"run.{_PLURAL[kind]}", actor, {"new_run_id": draft.run.id})
    return [outcomes[run_id] for run_id in ids]


def _check_takes(job: Job, agent: AgentRow | None) -> None:
    """Make sure that the job takes copies of runs; an agent does so though it is paused. Raises `Conflict`."""
    if agent is None:
        check_enabled(job)
    elif agent.deleted_at is not None:
        raise Conflict("the run's agent was deleted; there is nothing to run it with")
    elif agent.state not in {AgentState.DEPLOYED, AgentState.PAUSED}:
        raise Conflict(f"the run's agent is {agent.state} and takes no runs")


def _jobs(tx: Tx, project_id: int, found: Mapping[str, Run]) -> dict[str, Job]:
    ids = sorted({run.job_id for run in found.values() if run.job_id is not None})
    return jobs.by_name_or_id(tx, project_id, ids, keep=True) if ids else {}


def _over_the_rate(tx: Tx, drafts: Mapping[str, Draft]) -> dict[str, RateLimited]:
    """The new runs for which their job's refusing rate limit has no place: the last ones of each job."""
    by_job: dict[str, list[str]] = {}
    for run_id, draft in drafts.items():
        if draft.spec.rate is not None and draft.spec.rate.mode == "refuse" and draft.job is not None:
            by_job.setdefault(draft.job.id, []).append(run_id)
    refused: dict[str, RateLimited] = {}
    rates.queue_up(tx, [job for draft in drafts.values() if (job := draft.job) is not None and job.id in by_job])
    for asked in by_job.values():
        spec, job = drafts[asked[0]].spec, drafts[asked[0]].job
        if job is not None:
            places = bisect_left(range(1, len(asked) + 1), 1, key=lambda n: int(_refusal(tx, spec, job, n) is not None))
            error = _refusal(tx, spec, job, places + 1) if places < len(asked) else None
            refused |= {run_id: error for run_id in asked[places:] if error is not None}
    return refused


def _refusal(tx: Tx, spec: JobSpec, job: Job, asked: int) -> RateLimited | None:
    try:
        rates.refuse_over(tx, spec, job, asked)
    except RateLimited as refused:
        return refused
    return None


def _time_to_live(old: Run, job: Job | None, *, bare: bool, spare: int | None) -> int | None:
    """How long the new run may wait to be taken."""
    ttl = old.time_to_live
    if ttl is None and bare and job is not None:
        ttl = spec_of(job).ttl
    if ttl is None and spare is not None:
        ttl = (old.policy.timeout or DEFAULT_TIMEOUT) + spare
    return ttl


def _draft(
    tx: Tx,
    old: Run,
    job: Job | None,
    kind: str,
    actor: str | None,
    *,
    ttl: int | None,
    bare: bool,
    debug: bool,
) -> Draft:
    spec = spec_of(job) if job is not None else AD_HOC
    changes: dict[str, Any] = {"replay_of": None, "retry_of": None, f"{kind}_of": old.id, "trigger": kind}
    if bare:
        changes |= {"trigger": "manual", "metadata": None, "concurrency_key": None, "dependency_key": None}
        changes |= {"key_lane": None, "debug": 0}
    if debug:
        changes["debug"] = 1
    fresh = msgspec.structs.replace(
        old,
        **FRESH,
        id=tx.new_id(),
        state=RunState.QUEUED,
        rank=rank_of(tx, old.priority, tx.now),
        created_at=tx.now,
        updated_at=tx.now,
        parent_id=None,
        continuation_of=None,
        batch_id=None,
        depth=0,
        continued=0,
        created_by=actor,
        idempotency_key=None,
        queued_at=tx.now,
        available_at=None,
        expires_at=tx.now + ttl if ttl is not None else None,
        ttl=ttl,
        **changes,
    )
    return Draft(run=fresh, tags=msgspec.json.decode(old.tags) if old.tags else {}, spec=spec, job=job)
