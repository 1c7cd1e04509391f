"""Proofs: what gives an executor the right to report on a run, a lease token or a run token."""

from __future__ import annotations

import hashlib
import hmac

import msgspec

from runyard.domain.errors import DomainError, Ended, LeaseLost, NotFound, StaleAttempt
from runyard.domain.records import Run
from runyard.domain.states import LEASED, RunState, is_final


class Pass(msgspec.Struct, frozen=True, kw_only=True):
    """A run token that was checked: the right to report on one run without its lease."""

    attempt: int | None = None
    """The attempt it was handed out for at dispatch; None when it was handed out at trigger."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What every report names: the run, and the lease token (or the run token) that proves the right to report."""

    project_id: int | None
    """None is any: for a part of the server that works for all projects, and holds the lease."""
    run_id: str
    token: str | Pass
    actor: str | None = None

    @property
    def ends(self) -> frozenset[RunState]:
        """The states that the report brings a run into for good: repeated there, it succeeds without effect."""
        return frozenset()


def token_hash(token: str) -> str:
    """What is stored of a lease token."""
    return hashlib.sha256(token.encode()).hexdigest()


def is_foreign(project_id: int, among: int | None) -> bool:
    """Whether a project is not the one somebody acts in; None is all of them."""
    return among is not None and among != project_id


def fence(run: Run | None, report: Report, now: int) -> DomainError | None:
    """Why the report may not touch the run, if so. Tokens are compared in constant time."""
    if run is None or is_foreign(run.project_id, report.project_id):
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


def unbegun(run: Run | None) -> DomainError | None:
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


def repeats(run: Run | None, report: Report) -> bool:
    """Whether the report is the one that brought the run into its state, sent once more."""
    if run is None or is_foreign(run.project_id, report.project_id):
        return False
    return run.state in report.ends and _proves(run, report.token)


def _proves(run: Run, token: str | Pass) -> bool:
    """Whether the token is that of the last one who worked on the run."""
    if isinstance(token, Pass):
        return token.attempt is None or token.attempt == run.attempt
    return run.lease_hash is not None and hmac.compare_digest(run.lease_hash, token_hash(token))
