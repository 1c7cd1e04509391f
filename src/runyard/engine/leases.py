"""Claims and what executors report. Every report names its lease; a report without the current one changes nothing."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from runyard.domain.errors import Conflict, DomainError, Ended, LeaseLost, NotFound, StaleAttempt
from runyard.domain.moves import changed, move
from runyard.domain.policy import Failure, Policy, Retry, after_failure, claim_rank
from runyard.domain.records import Lease, Move, Run, Waiting
from runyard.domain.states import LEASED, RunState, is_final
from runyard.engine import classes, parents, schemas, upgrades
from runyard.engine.transitions import apply, end_waits
from runyard.storage.port import Tx, many
from runyard.storage.statements import runs as runs_sql

ROUNDS = 5
"""How many different reports on one run are taken in one transaction."""


class ClaimRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks for how much of which work. None means any queue, any job."""

    project_id: int | None
    """None is every project: for executors that are part of the server."""
    limit: int = 1
    executor: str = "worker"
    queues: tuple[str, ...] | None = None
    jobs: tuple[str, ...] | None = None
    runs: tuple[str, ...] | None = None
    """These and no others, as far as they may be claimed; who names runs has seen to it that they are its kind."""
    capabilities: frozenset[str] = frozenset()
    lease: int | None = None
    worker: str | None = None
    actor: str | None = None


class Granted(msgspec.Struct, frozen=True, kw_only=True):
    """A run handed out with its lease."""

    run: Run
    lease: Lease


class Pass(msgspec.Struct, frozen=True, kw_only=True):
    """A run token that was checked: the right to report on one run without its lease (DESIGN §3.2)."""

    attempt: int | None = None
    """The attempt it was handed out for at dispatch; None when it was handed out at trigger."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What every report names: the run, and the lease token (or the run token) that proves the right to report."""

    project_id: int
    run_id: str
    token: str | Pass
    actor: str | None = None

    @property
    def ends(self) -> frozenset[RunState]:
        """The states that the report brings a run into for good: repeated there, it succeeds without effect."""
        return frozenset()


class Start(Report, frozen=True, kw_only=True):
    """Work on the run begins, or its preparation does."""

    preparing: bool = False
    started_at: int | None = None
    lease: int | None = None
    """How long the lease lasts from now on; None leaves it as the claim made it."""


class Heartbeat(Report, frozen=True, kw_only=True):
    """The executor lives, and wants the lease for this much longer (None: as long as the run's policy says)."""

    lease: int | None = None


class Complete(Report, frozen=True, kw_only=True):
    """The run is done."""

    output: str = "null"
    started_at: int | None = None
    trace: str | None = None
    """Where the time of the attempt went, as JSON; kept with a run that ends by this report."""

    @property
    def ends(self) -> frozenset[RunState]:
        """Completed."""
        return frozenset({RunState.COMPLETED})


class Fail(Report, frozen=True, kw_only=True):
    """The attempt failed."""

    failure: Failure
    retry_after: int | None = None
    started_at: int | None = None
    trace: str | None = None
    timed_out: bool = False
    """Whether the attempt took too long: then a run without attempts left is timed out and not dead-lettered."""
    final: Literal["failed", "system_failed"] | None = None
    """End the run at once in this state, whatever the policy says of retries and dead letters."""

    @property
    def ends(self) -> frozenset[RunState]:
        """The state it names, or where runs are put whose attempts are used up."""
        if self.final is not None:
            return frozenset({RunState(self.final)})
        return frozenset({RunState.FAILED, RunState.DEAD_LETTER, *([RunState.TIMED_OUT] if self.timed_out else [])})


class Release(Report, frozen=True, kw_only=True):
    """The executor gives the run back; no attempt is used up."""

    reason: str | None = None
    delay: int | None = None


class Snooze(Report, frozen=True, kw_only=True):
    """The run cannot be worked on now through no fault of its own: it tries again later, for so many times."""

    reason: str
    delay: int
    limit: int = 50


class Park(Report, frozen=True, kw_only=True):
    """The run waits for something, holding no slot."""

    waiting_for: Waiting


class Reported(msgspec.Struct, frozen=True, kw_only=True):
    """The run after a report that was taken."""

    run: Run


Outcome = Reported | DomainError


def token_hash(token: str) -> str:
    """What is stored of a lease token."""
    return hashlib.sha256(token.encode()).hexdigest()


@many
def claim(tx: Tx, requests: Sequence[ClaimRequest]) -> list[list[Granted]]:
    """Hand each caller up to `limit` runs: priority first, then time queued. No run is handed out twice."""
    answers: list[list[Granted]] = [[] for _ in requests]
    groups: dict[Any, list[int]] = {}
    for index, request in enumerate(requests):
        key = (request.project_id, request.executor, request.queues, request.jobs, request.runs, request.capabilities)
        groups.setdefault(key, []).append(index)
    for indexes in groups.values():
        first = requests[indexes[0]]
        found = _ready(tx, first, sum(requests[index].limit for index in indexes))
        newer = upgrades.at_claim(tx, found)
        moves: list[Move] = []
        owners: list[tuple[int, str]] = []
        takers = iter([index for index in indexes for _ in range(requests[index].limit)])
        for run in found:
            if run.expires_at is not None and run.expires_at <= tx.now:
                moves.append(expired(tx, run))
                owners.append((-1, ""))
                continue
            index, token = next(takers), tx.new_token()
            moves.append(_claimed(tx, run, requests[index], token, newer.get(run.id, {})))
            owners.append((index, token))
        for run, (index, token) in zip(apply(tx, moves), owners, strict=True):
            if index >= 0:
                lease = Lease(run_id=run.id, token=token, until=run.lease_until or 0)
                answers[index].append(Granted(run=run, lease=lease))
    return answers


def _ready(tx: Tx, request: ClaimRequest, limit: int) -> list[Run]:
    """The runs the caller may have, locked, in claim order."""
    if request.runs is not None:
        return runs_sql.ready_among(tx, request.runs)[:limit]
    eligible = classes.eligible(
        tx, request.project_id, request.executor, request.queues, request.jobs, request.capabilities
    )
    return runs_sql.ready(tx, eligible, limit) if eligible else []


def _claimed(tx: Tx, run: Run, request: ClaimRequest, token: str, newer: Mapping[str, Any]) -> Move:
    policy: Policy = newer.get("policy", run.policy)
    data: dict[str, Any] = {"worker": request.worker} if request.worker else {}
    if newer:
        data["job_version"] = newer["job_version"]
    return move(
        run,
        "claim",
        tx.now,
        actor=request.actor,
        data=data,
        epoch=run.epoch + 1,
        worker=request.worker,
        claimed_at=tx.now,
        heartbeat_at=tx.now,
        started_at=None,
        lease_hash=token_hash(token),
        lease_until=tx.now + (request.lease or policy.lease),
        **newer,
    )


def expired(tx: Tx, run: Run) -> Move:
    """The run's time to live is over before anybody took it."""
    return move(
        run, "expire", tx.now, error=_error(Failure(message="run expired", kind="expired")), error_class="expired"
    )


def fence(run: Run | None, report: Report, now: int) -> DomainError | None:
    """Why the report may not touch the run, if so. Tokens are compared in constant time."""
    if run is None or run.project_id != report.project_id:
        return NotFound(f"there is no run {report.run_id} in this project")
    if isinstance(report.token, Pass):
        return _passed(run, report.token)
    if run.state not in LEASED:
        return LeaseLost(f"the run is {run.state} and held by nobody; stop working on it", state=run.state.value)
    if run.lease_hash is None or not hmac.compare_digest(run.lease_hash, token_hash(report.token)):
        return LeaseLost("another executor holds this run now; stop working on it", state=run.state.value)
    if run.lease_until is not None and run.lease_until <= now:
        return LeaseLost("the lease has expired; stop working on it", state=run.state.value)
    return None


def _passed(run: Run, proof: Pass) -> DomainError | None:
    """Why a run token may not touch the run now, if so: its work has not begun, is over, or is another attempt's."""
    refused = closed(run, proof)
    if refused is not None:
        return refused
    if run.state in LEASED or run.state is RunState.WAITING:
        return None
    return LeaseLost(f"the run is {run.state} and nobody works on it", state=run.state.value)


def _unbegun(run: Run | None) -> DomainError | None:
    """Why nobody may report on the run yet: it waits for other jobs. What else waits was parked by its executor."""
    if run is None or run.waiting_for is None or run.waiting_for.kind != "dependency":
        return None
    return LeaseLost(f"the run is {run.state} for other jobs and nobody works on it", state=run.state.value)


def closed(run: Run, proof: Pass) -> DomainError | None:
    """Why a run token is good for nothing any more, if so: its attempt is past, or the run has ended."""
    if proof.attempt is not None and proof.attempt != run.attempt:
        return StaleAttempt(
            f"this token is of attempt {proof.attempt}; the run is at {run.attempt}", state=run.state.value
        )
    if is_final(run.state):
        return Ended(f"the run is {run.state} and its record is closed", state=run.state.value)
    return None


def _repeats(run: Run | None, report: Report) -> bool:
    """Whether the report is the one that brought the run into its state, sent once more."""
    if run is None or run.project_id != report.project_id:
        return False
    return run.state in report.ends and _proves(run, report.token)


def _proves(run: Run, token: str | Pass) -> bool:
    """Whether the token is that of the last one who worked on the run."""
    if isinstance(token, Pass):
        return token.attempt is None or token.attempt == run.attempt
    return run.lease_hash is not None and hmac.compare_digest(run.lease_hash, token_hash(token))


def _each(
    tx: Tx,
    reports: Sequence[Any],
    decide: Callable[[Run, Any], Move | Run | DomainError],
) -> list[Outcome]:
    """Lock the runs once, decide each report against its run, write all moves together.

    Calls that wait together are merged, so a run may be reported on twice; such reports count one after the other.
    """
    outcomes: list[Any] = [None] * len(reports)
    waiting = list(range(len(reports)))
    for _ in range(ROUNDS):
        waiting = _round(tx, reports, waiting, outcomes, decide)
        if not waiting:
            return outcomes
    for index in waiting:
        outcomes[index] = Conflict("the run was reported on too often at once; send the last report again")
    return outcomes


def _round(
    tx: Tx,
    reports: Sequence[Any],
    indexes: Sequence[int],
    outcomes: list[Any],
    decide: Callable[[Run, Any], Move | Run | DomainError],
) -> list[int]:
    """Answer one report of each run; the indexes of those that come after."""
    locked = runs_sql.lock(tx, [reports[index].run_id for index in indexes])
    moves: list[Move] = []
    places: list[int] = []
    kept: list[tuple[Run, Run]] = []
    first: dict[str, int] = {}
    twins: list[int] = []
    later: list[int] = []
    for index in indexes:
        report = reports[index]
        run = locked.get(report.run_id)
        if report.run_id in first:
            (twins if report == reports[first[report.run_id]] else later).append(index)
            continue
        error = fence(run, report, tx.now) or _unbegun(run)
        if error is not None or run is None:
            outcomes[index] = Reported(run=run) if run is not None and _repeats(run, report) else error
            continue
        first[report.run_id] = index
        try:
            decided = decide(run, report)
        except DomainError as refused:
            decided = refused
        if isinstance(decided, Move):
            moves.append(decided)
            places.append(index)
        elif isinstance(decided, Run):
            kept.append((run, decided))
            outcomes[index] = Reported(run=decided)
        else:
            outcomes[index] = decided
    for index, run in zip(places, apply(tx, moves), strict=True):
        outcomes[index] = Reported(run=run)
    runs_sql.save(tx, [before for before, _ in kept], [after for _, after in kept])
    for index in twins:
        outcomes[index] = outcomes[first[reports[index].run_id]]
    return later


@many
def start(tx: Tx, reports: Sequence[Start]) -> list[Outcome]:
    """The runs' work begins; saying so again changes nothing."""

    def decide(run: Run, report: Start) -> Move | Run:
        if run.state is RunState.RUNNING or (report.preparing and run.state is RunState.STARTING):
            return run
        verb = "prepare" if report.preparing else "start"
        begun: dict[str, Any] = (
            {} if report.preparing else {"started_at": _begun(run, report.started_at or tx.now, tx.now)}
        )
        if report.lease is not None:
            begun["lease_until"] = tx.now + report.lease
        timeout = upgrades.timeout_for(tx, run)
        if timeout != run.policy.timeout:
            begun["policy"] = msgspec.structs.replace(run.policy, timeout=timeout)
        return move(run, verb, tx.now, actor=report.actor, heartbeat_at=tx.now, **begun)

    return _each(tx, reports, decide)


@many
def heartbeat(tx: Tx, reports: Sequence[Heartbeat]) -> list[Outcome]:
    """Extend leases (or shorten them); no journal line, nothing moves."""

    def decide(run: Run, report: Heartbeat) -> Run:
        if run.state not in LEASED:  # a run token tells of a run that waits: it lives, and there is no lease
            return changed(run, heartbeat_at=tx.now)
        until = tx.now + (report.lease or run.policy.lease)
        if isinstance(report.token, Pass) and run.lease_until is not None:
            # The lease is its holder's, who may have asked for a longer one.
            until = max(until, run.lease_until)
        return changed(run, heartbeat_at=tx.now, lease_until=until)

    return _each(tx, reports, decide)


@many
def complete(tx: Tx, reports: Sequence[Complete]) -> list[Outcome]:
    """The runs are done. Repeating the report of a completed run under the same lease succeeds without effect."""

    def decide(run: Run, report: Complete) -> Move | DomainError:
        if run.policy.output_schema is not None:
            problems = schemas.check(run.policy.output_schema, report.output)
            if problems:
                return schemas.mismatch("the output does not match the job's output schema", problems)
        return move(
            run,
            "complete",
            tx.now,
            actor=report.actor,
            output=report.output,
            started_at=_begun(run, report.started_at, tx.now),
            error=None,
            error_class=None,
            trace=report.trace or run.trace,
        )

    return _each(tx, reports, decide)


@many
def fail(tx: Tx, reports: Sequence[Fail]) -> list[Outcome]:
    """The attempts failed: retried in place while the policy allows, then dead-lettered or failed."""

    def decide(run: Run, report: Fail) -> Move:
        begun = _begun(run, report.started_at, tx.now)
        failure, exhausted, outcome = report.failure, None, None
        if report.final is not None:
            failure = msgspec.structs.replace(failure, retryable=False)
            exhausted = "fail" if report.final == "failed" else "system_fail"
        elif report.timed_out:
            exhausted, outcome = "time_out", "timed_out"
            if not run.policy.retry_timeouts:
                failure = msgspec.structs.replace(failure, retryable=False)
        return failed(
            tx,
            run,
            failure,
            actor=report.actor,
            retry_after=report.retry_after,
            started_at=begun,
            exhausted=exhausted,
            outcome=outcome,
            trace=report.trace,
        )

    return _each(tx, reports, decide)


@many
def release(tx: Tx, reports: Sequence[Release]) -> list[Outcome]:
    """Give runs back to the queue, at once or after a delay."""

    def decide(run: Run, report: Release) -> Move:
        held = {"hold": "retry", "next_retry_at": tx.now + report.delay} if report.delay else {}
        data = {"reason": report.reason} if report.reason else None
        return move(run, "release", tx.now, actor=report.actor, data=data, **held)

    return _each(tx, reports, decide)


@many
def snooze(tx: Tx, reports: Sequence[Snooze]) -> list[Outcome]:
    """Put runs off without using up an attempt; a run put off too often is system-failed."""

    def decide(run: Run, report: Snooze) -> Move:
        metadata: dict[str, Any] = msgspec.json.decode(run.metadata) if run.metadata else {}
        times = _whole(metadata.get("snooze_count")) + 1
        if times > report.limit:
            failure = Failure(message=f"put off {report.limit} times: {report.reason}", kind="server", retryable=False)
            return failed(tx, run, failure, actor=report.actor, exhausted="system_fail")
        failure = Failure(message=report.reason, kind="transient")
        return move(
            run,
            "release",
            tx.now,
            actor=report.actor,
            data={"reason": report.reason, "snoozed": times},
            hold="retry",
            next_retry_at=tx.now + max(1, report.delay),
            metadata=msgspec.json.encode(metadata | {"snooze_count": str(times)}).decode(),
            error=_error(failure),
            error_class=failure.kind,
        )

    return _each(tx, reports, decide)


def _whole(value: object) -> int:
    text = str(value)
    return int(text) if text.isdecimal() and len(text) < 10 else 0


@many
def park(tx: Tx, reports: Sequence[Park]) -> list[Outcome]:
    """Let runs wait without holding a slot; a run whose children have all ended already is queued again at once."""

    def decide(run: Run, report: Park) -> Move:
        return move(
            run,
            "park",
            tx.now,
            actor=report.actor,
            data={"waiting_for": report.waiting_for.kind},
            waiting_for=report.waiting_for,
        )

    outcomes = _each(tx, reports, decide)
    parked = [o.run for o in outcomes if isinstance(o, Reported) and o.run.state is RunState.WAITING]
    childless = [run for run in parked if run.waiting_for is not None and run.waiting_for.kind == "children"]
    if not childless:
        return outcomes
    woken = {run.id: run for run in end_waits(tx, parents.over(tx, childless))}
    return [
        Reported(run=woken.get(outcome.run.id, outcome.run)) if isinstance(outcome, Reported) else outcome
        for outcome in outcomes
    ]


def failed(
    tx: Tx,
    run: Run,
    failure: Failure,
    *,
    actor: str | None = None,
    retry_after: int | None = None,
    started_at: int | None = None,
    exhausted: str | None = None,
    outcome: str | None = None,
    trace: str | None = None,
) -> Move:
    """The move that follows a failed attempt; `exhausted` is the verb when nothing is left (else the policy's)."""
    decision = after_failure(
        run.policy, failure, attempt=run.attempt, now=tx.now, dice=tx.dice(), retry_after=retry_after
    )
    seen: dict[str, Any] = {"error": _error(failure), "error_class": failure.kind}
    said: dict[str, Any] = {"error": failure.message[:500], "error_class": failure.kind}
    if outcome is not None:
        said["outcome"] = outcome
    if isinstance(decision, Retry):
        boosted = min(10, run.priority + run.policy.retry_priority_boost)
        return move(
            msgspec.structs.replace(run, started_at=started_at or run.started_at),
            "retry",
            tx.now,
            actor=actor,
            data=said | {"next_attempt": run.attempt + 1, "at": decision.at},
            hold="retry",
            next_retry_at=decision.at,
            attempt=run.attempt + 1,
            priority=boosted,
            rank=run.rank if boosted == run.priority else rank_of(tx, boosted, run.queued_at or tx.now),
            **seen,
        )
    verb = exhausted or ("bury" if run.policy.dead_letter else "fail")
    return move(
        run,
        verb,
        tx.now,
        actor=actor,
        data=said | {"reason": decision.reason},
        started_at=started_at or run.started_at,
        trace=trace or run.trace,
        **seen,
    )


def rank_of(tx: Tx, priority: int, queued_at: int) -> int:
    """The place in the claim order under this server's ageing rule."""
    return claim_rank(priority, queued_at, ageing=tx.ageing)


def _begun(run: Run, said: int | None, now: int) -> int | None:
    """When work began: what the engine saw, else what the executor says within the bounds of its claim."""
    if run.started_at is not None:
        return run.started_at
    claimed = run.claimed_at or now
    return max(claimed, min(said, now)) if said is not None else claimed


def _error(failure: Failure) -> str:
    return msgspec.json.encode(failure).decode()


def current(tx: Tx, report: Report) -> Run:
    """The run whose lease this is. Raises `NotFound` or `LeaseLost`."""
    run = runs_sql.lock(tx, [report.run_id]).get(report.run_id)
    error = fence(run, report, tx.now)
    if error is not None or run is None:
        raise error or NotFound()
    return run
