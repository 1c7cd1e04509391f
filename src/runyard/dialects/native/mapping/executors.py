"""Claims and reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Raw

from runyard.dialects.native import wire
from runyard.dialects.native.mapping.runs import run_out
from runyard.dialects.native.mapping.values import (
    lenient_id,
    maybe_span,
    maybe_text,
    maybe_when,
    when,
)
from runyard.domain.errors import DomainError
from runyard.domain.policy import Failure
from runyard.engine import claims, leases
from runyard.web.errors import understood
from runyard.web.problems import PROBLEMS


def claim_in(project_id: int | None, asked: wire.ClaimIn, actor: str) -> claims.ClaimRequest:
    """A request for work."""
    return claims.ClaimRequest(
        project_id=project_id,
        limit=asked.limit,
        executor=asked.executor,
        queues=None if asked.queues is None else tuple(sorted(set(asked.queues))),
        jobs=None if asked.jobs is None else tuple(sorted(set(asked.jobs))),
        capabilities=frozenset(asked.capabilities),
        lease=maybe_span(asked.lease_seconds),
        worker=asked.worker,
        actor=actor,
    )


def claims_out(granted: Sequence[claims.Granted], slugs: Mapping[int, str]) -> wire.ClaimsOut:
    """What was handed out."""
    return wire.ClaimsOut(
        claims=[
            wire.Claim(
                run=run_out(one.run, slugs[one.run.project_id]),
                lease=wire.LeaseOut(until=when(one.lease.until), token=one.lease.token, worker=one.run.worker),
            )
            for one in granted
        ]
    )


def given_back(granted: Sequence[claims.Granted], actor: str) -> list[leases.Release]:
    """Reports that return what was handed to a client who left."""
    return [
        leases.Release(
            project_id=one.run.project_id,
            run_id=one.run.id,
            token=one.lease.token,
            actor=actor,
            reason="the client hung up",
        )
        for one in granted
    ]


def named(report: wire.Report, project_id: int | None, actor: str) -> dict[str, Any]:
    """What all reports name."""
    return {"project_id": project_id, "run_id": lenient_id(report.run_id), "token": report.token, "actor": actor}


def failure_in(error: wire.ErrorIn | str, retryable: bool | None) -> Failure:
    """What went wrong, in the engine's words."""
    if isinstance(error, str):
        return Failure(message=error[:65536], retryable=retryable)
    return Failure(message=error.message, kind=error.kind, retryable=retryable, data=_data(error.data))


def _data(value: Raw) -> Raw | None:
    return value if maybe_text(value) is not None else None


def results_out(reports: Sequence[wire.Report], outcomes: Sequence[leases.Outcome]) -> wire.Results:
    """One result for each report, in order."""
    return wire.Results(
        results=[_result_out(report.run_id, outcome) for report, outcome in zip(reports, outcomes, strict=True)]
    )


def _result_out(run: str, outcome: leases.Outcome) -> wire.Result:
    if isinstance(outcome, DomainError):
        status, code = refusal(outcome)
        state = outcome.extra.get("state")
        shown = None if state is None else str(state)
        return wire.Result(
            run_id=run,
            ok=False,
            error=wire.ResultError(code=code, detail=outcome.detail, status=status, state=shown),
        )
    after = outcome.run
    return wire.Result(
        run_id=run,
        ok=True,
        state=after.state.value,
        lease=None if after.lease_until is None else wire.LeaseOut(until=when(after.lease_until)),
        next_retry_at=maybe_when(after.next_retry_at),
    )


def refusal(error: DomainError) -> tuple[int, str]:
    """Status and code of an error inside a reply that holds many."""
    fault = PROBLEMS.fault(understood(error), "")
    return fault.status, fault.code
