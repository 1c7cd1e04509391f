"""What executors can report, and what comes of a report."""

from __future__ import annotations

from typing import Literal

import msgspec

from runyard.domain.errors import DomainError
from runyard.domain.policy import Failure
from runyard.domain.records import Run, Waiting
from runyard.domain.states import RunState
from runyard.engine.proofs import Report


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
