"""What executors report. Every report brings its proof; one without the proof of now changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from runyard.domain.errors import DomainError
from runyard.domain.moves import changed, move
from runyard.domain.policy import Failure
from runyard.domain.records import Move, Run
from runyard.domain.states import LEASED, RunState
from runyard.engine import parents, schemas, upgrades
from runyard.engine.failures import failed, told
from runyard.engine.proofs import Pass
from runyard.engine.reports import Complete, Fail, Heartbeat, Outcome, Park, Release, Reported, Snooze, Start
from runyard.engine.rounds import each
from runyard.engine.transitions import end_waits
from runyard.storage.port import Tx, many

__all__ = [
    "Complete", "Fail", "Heartbeat", "Outcome", "Park", "Release", "Reported", "Snooze", "Start",
    "complete", "fail", "heartbeat", "park", "release", "snooze", "start",
]  # fmt: skip


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

    return each(tx, reports, decide)


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

    return each(tx, reports, decide)


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

    return each(tx, reports, decide)


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

    return each(tx, reports, decide)


@many
def release(tx: Tx, reports: Sequence[Release]) -> list[Outcome]:
    """Give runs back to the queue, at once or after a delay."""

    def decide(run: Run, report: Release) -> Move:
        held: dict[str, Any] = {"hold": "retry", "next_retry_at": tx.now + report.delay} if report.delay else {}
        data = {"reason": report.reason} if report.reason else None
        return move(run, "release", tx.now, actor=report.actor, data=data, **held)

    return each(tx, reports, decide)


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
            error=told(failure),
            error_class=failure.kind,
        )

    return each(tx, reports, decide)


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

    outcomes = each(tx, reports, decide)
    parked = [o.run for o in outcomes if isinstance(o, Reported) and o.run.state is RunState.WAITING]
    childless = [run for run in parked if run.waiting_for is not None and run.waiting_for.kind == "children"]
    if not childless:
        return outcomes
    woken = {run.id: run for run in end_waits(tx, parents.over(tx, childless))}
    return [
        Reported(run=woken.get(outcome.run.id, outcome.run)) if isinstance(outcome, Reported) else outcome
        for outcome in outcomes
    ]


def _begun(run: Run, said: int | None, now: int) -> int | None:
    """When work began: what the engine saw, else what the executor says within the bounds of its claim."""
    if run.started_at is not None:
        return run.started_at
    claimed = run.claimed_at or now
    return max(claimed, min(said, now)) if said is not None else claimed
