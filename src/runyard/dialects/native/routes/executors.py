"""What executors call: claims and reports. Every report names its lease; repeating one is safe."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from litestar import post
from litestar.handlers import HTTPRouteHandler

from runyard.dialects.native import mapping, wire
from runyard.dialects.native.mapping.approvals import ask_in
from runyard.dialects.native.routes.records import acting_in
from runyard.domain.agents import EXECUTOR
from runyard.domain.errors import DomainError, Forbidden, Invalid
from runyard.domain.records import Waiting
from runyard.engine import approvals, claimers, claims, event_waits, leases
from runyard.engine.tasks.queueing import EXECUTOR as SESSION
from runyard.streams.hub import Hub
from runyard.web.call import Call
from runyard.web.slugs import slug_in

CLAIMERS = 10_000
RECHECK_SECONDS = 5.0
"""How often a waiting claim looks again though nothing woke it."""


def claiming(hub: Hub) -> HTTPRouteHandler:
    """The claim route; waiting claims are woken by the commit that makes work ready."""

    noted = _Noted()

    @post("/v1/runs/claim", needs="runs:claim", status_code=200)
    async def claim_runs(call: Call, data: wire.ClaimIn) -> wire.ClaimsOut:
        """Hand out up to `limit` runs, each under a lease; wait up to `wait_seconds` for the first."""
        request = mapping.claim_in(acting_in(call), data, call.actor)
        if request.executor == SESSION:
            raise Invalid(
                f"runs for executor {SESSION!r} are handed to sessions alone; claim at /runyard/v1/tasks/claim"
            )
        topic = f"ready:{request.project_id}"
        if request.project_id is None:
            if request.executor != EXECUTOR:
                raise Forbidden(f"this key takes the work of {EXECUTOR!r} executors alone")
            topic = f"executor:{EXECUTOR}"
        loop = asyncio.get_running_loop()
        deadline = loop.time() + data.wait_seconds
        if noted.is_due(request, call.store.now()):
            await call.write(claimers.seen, request)
        with hub.waiter([topic]) as waiter, call.presence(waiter.wake) as client:
            while True:
                waiter.reset()
                (granted,) = await call.write(claims.claim, [request])
                if granted and client.gone:  # nobody will read the answer
                    await call.write(leases.release, mapping.given_back(granted, call.actor))
                    return wire.ClaimsOut(claims=[])
                left = deadline - loop.time()
                if granted or left <= 0 or hub.closed:
                    slugs = {one: await slug_in(call, one) for one in {given.run.project_id for given in granted}}
                    return mapping.claims_out(granted, slugs)
                await waiter.wait(min(left, RECHECK_SECONDS))
                if client.gone:
                    return wire.ClaimsOut(claims=[])

    return claim_runs


class _Noted:
    """Which claimers were noted in the last while; noting tells `explain` that somebody asks for this kind of work."""

    def __init__(self) -> None:
        self._at: dict[object, int] = {}

    def is_due(self, request: claims.ClaimRequest, now: int) -> bool:
        """Whether the claimer is to be noted now."""
        who = (request.project_id, request.worker, request.executor, request.queues, request.jobs, request.capabilities)
        if now - self._at.get(who, -claimers.EVERY) < claimers.EVERY:
            return False
        if len(self._at) >= CLAIMERS:
            self._at.clear()
        self._at[who] = now
        return True


@post("/v1/runs/start", needs="runs:claim", status_code=200)
async def start_runs(call: Call, data: wire.Reports[wire.StartReport]) -> wire.Results:
    """Say that work on runs begins."""
    reports = [
        leases.Start(**_named(call, one), preparing=one.preparing, started_at=mapping.maybe_micros(one.started_at))
        for one in data.reports
    ]
    return mapping.results_out(data.reports, await call.write(leases.start, reports))


@post("/v1/runs/heartbeat", needs="runs:claim", status_code=200)
async def heartbeat_runs(call: Call, data: wire.Reports[wire.HeartbeatReport]) -> wire.Results:
    """Extend leases. A result that is not ok means: stop working on that run."""
    reports = [
        leases.Heartbeat(**_named(call, one), lease=mapping.maybe_span(one.lease_seconds)) for one in data.reports
    ]
    return mapping.results_out(data.reports, await call.write(leases.heartbeat, reports))


@post("/v1/runs/complete", needs="runs:claim", status_code=200)
async def complete_runs(call: Call, data: wire.Reports[wire.CompleteReport]) -> wire.Results:
    """Say that runs are done, with their outputs."""
    reports = [
        leases.Complete(
            **_named(call, one), output=mapping.text(one.output), started_at=mapping.maybe_micros(one.started_at)
        )
        for one in data.reports
    ]
    return mapping.results_out(data.reports, await call.write(leases.complete, reports))


@post("/v1/runs/fail", needs="runs:claim", status_code=200)
async def fail_runs(call: Call, data: wire.Reports[wire.FailReport]) -> wire.Results:
    """Say that attempts failed; each run's policy decides what follows."""
    reports = [
        leases.Fail(
            **_named(call, one),
            failure=mapping.failure_in(one.error, one.retryable),
            retry_after=mapping.maybe_span(one.retry_after_seconds),
            started_at=mapping.maybe_micros(one.started_at),
        )
        for one in data.reports
    ]
    return mapping.results_out(data.reports, await call.write(leases.fail, reports))


@post("/v1/runs/release", needs="runs:claim", status_code=200)
async def release_runs(call: Call, data: wire.Reports[wire.ReleaseReport]) -> wire.Results:
    """Give runs back unfinished; no attempt is used up."""
    reports = [
        leases.Release(**_named(call, one), reason=one.reason, delay=mapping.maybe_span(one.delay_seconds))
        for one in data.reports
    ]
    return mapping.results_out(data.reports, await call.write(leases.release, reports))


@post("/v1/runs/wait", needs="runs:claim", status_code=200)
async def wait_runs(call: Call, data: wire.Reports[wire.WaitReport]) -> wire.Results:
    """Let runs wait without holding a slot: for their children, for an event, or for a decision; they are queued again
    when it is over.

    The answers come in the order of the reports.
    """
    now = call.store.now()
    kinds = [_waits_for(one) for one in data.reports]
    children = [_parking(call, one, now) for one, kind in zip(data.reports, kinds, strict=True) if kind == "children"]
    events = [_new_wait(call, one, one.event) for one in data.reports if one.event is not None]
    decisions = [_question(call, one, one.approval) for one in data.reports if one.approval is not None]
    answers = {
        "children": iter(await call.write(leases.park, children) if children else []),
        "event": iter(await call.write(event_waits.begin, events) if events else []),
        "decision": iter(await call.write(approvals.request, decisions) if decisions else []),
    }
    return mapping.results_out(data.reports, [_waiting(next(answers[kind])) for kind in kinds])


def _waits_for(report: wire.WaitReport) -> str:
    if report.event is not None and report.approval is not None:
        raise Invalid("a run waits for an event or for a decision, not for both; leave out `event` or `approval`")
    return "event" if report.event is not None else "children" if report.approval is None else "decision"


def _parking(call: Call, report: wire.WaitReport, now: int) -> leases.Park:
    return leases.Park(**_named(call, report), waiting_for=Waiting(kind="children", until=_until(report, now)))


def _question(call: Call, report: wire.WaitReport, asked: wire.ApprovalAsk) -> approvals.NewApproval:
    timeout = mapping.maybe_span(report.timeout_seconds)
    return approvals.NewApproval(**_named(call, report), **ask_in(asked), timeout=timeout, leaves=True)


def _new_wait(call: Call, report: wire.WaitReport, key: str) -> event_waits.NewWait:
    seconds = report.timeout_seconds
    timeout = event_waits.DEFAULT if seconds is None else mapping.span(seconds)
    return event_waits.NewWait(
        **_named(call, report), name=key, timeout=timeout, request=mapping.maybe_text(report.request)
    )


def _waiting(outcome: leases.Outcome | event_waits.Begun | approvals.Asked) -> leases.Outcome:
    return outcome if isinstance(outcome, (DomainError, leases.Reported)) else leases.Reported(run=outcome.run)


def _until(report: wire.WaitReport, now: int) -> int | None:
    return None if report.timeout_seconds is None else now + mapping.span(report.timeout_seconds)


def _named(call: Call, report: wire.Report) -> dict[str, Any]:
    return mapping.named(report, acting_in(call), call.actor)


def handlers(hub: Hub) -> Sequence[HTTPRouteHandler]:
    """All routes of this module."""
    return [
        claiming(hub),
        start_runs,
        heartbeat_runs,
        complete_runs,
        fail_runs,
        release_runs,
        wait_runs,
    ]
