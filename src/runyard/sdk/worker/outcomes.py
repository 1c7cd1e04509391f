"""What became of a handler's call, in the words of the API. Pure."""

from __future__ import annotations

import datetime as dt
import traceback
from typing import Any

import msgspec

from runyard.sdk.call import encode
from runyard.sdk.errors import LeaseLost
from runyard.sdk.models import ApprovalAsk, CompleteReport, FailReport, Failure, ReleaseReport, StartReport, WaitReport

TRACEBACK_BYTES = 8192
MESSAGE_CHARS = 16384


class NonRetryable(Exception):
    """Raised by a handler: the run failed, and trying again would not help."""


class RetryLater(Exception):
    """Raised by a handler: the attempt failed; try again no sooner than in so many seconds."""

    def __init__(self, after_seconds: float, message: str = "Asked to be tried again later.") -> None:
        super().__init__(message)
        self.after_seconds = after_seconds


class Release(Exception):
    """Raised by a handler: give the run back as if it had not been taken; no attempt is used up."""

    def __init__(self, reason: str | None = None, *, delay_seconds: float | None = None) -> None:
        super().__init__(reason or "Given back by the handler.")
        self.reason = reason
        self.delay_seconds = delay_seconds


class Park(Exception):
    """Raised by a handler: put the run aside until its children have ended, then call the handler anew.

    With an event: until somebody sends what is waited for under that key; `request` is for whoever may send it.
    With an approval: until people decided.
    """

    def __init__(
        self,
        timeout_seconds: float | None = None,
        *,
        event: str | None = None,
        request: Any = None,
        approval: ApprovalAsk | None = None,
    ) -> None:
        what = "its children" if event is None else f"the event {event!r}"
        super().__init__(f"Waits for {what if approval is None else f'the approval {approval.name!r}'}.")
        self.timeout_seconds = timeout_seconds
        self.event = event
        self.request = request
        self.approval = approval


class Outcome(msgspec.Struct, frozen=True):
    """One report, encoded. An empty verb: there is nothing to report, since the lease is somebody else's."""

    verb: str
    body: bytes = b""


NOTHING = Outcome("")


def started(run_id: str, token: str, *, started_at: float) -> Outcome:
    """The run's work has begun."""
    return Outcome("start", encode(StartReport(run_id=run_id, token=token, started_at=moment(started_at))))


def completed(run_id: str, token: str, output: Any, *, started_at: float) -> Outcome:
    """The handler returned. Raises `TypeError` when its answer has no form in JSON."""
    report = CompleteReport(run_id=run_id, token=token, output=output, started_at=moment(started_at))
    return Outcome("complete", encode(report))


def raised(run_id: str, token: str, error: BaseException, *, started_at: float) -> Outcome:
    """The handler raised."""
    if isinstance(error, LeaseLost):
        return NOTHING
    if isinstance(error, Release):
        return released(run_id, token, error.reason, delay_seconds=error.delay_seconds)
    if isinstance(error, Park):
        wait = WaitReport(
            run_id=run_id,
            token=token,
            timeout_seconds=error.timeout_seconds,
            event=error.event,
            request=error.request,
            approval=error.approval,
        )
        return Outcome("wait", encode(wait))
    report = FailReport(
        run_id=run_id,
        token=token,
        error=Failure(
            message=(str(error) or type(error).__name__)[:MESSAGE_CHARS],
            kind=type(error).__name__[:128],
            data={"traceback": trace(error)},
        ),
        retryable=False if isinstance(error, NonRetryable) else None,
        retry_after_seconds=max(0.0, error.after_seconds) if isinstance(error, RetryLater) else None,
        started_at=moment(started_at),
    )
    return Outcome("fail", encode(report))


REFUSED = {
    "complete": ("OutputRefused", "The server refused the output"),
    "wait": ("WaitRefused", "The server would not let the run wait"),
}
"""How an attempt fails whose outcome, of this verb, the server would not have."""


def refused(verb: str, run_id: str, token: str, detail: str, *, started_at: float) -> Outcome:
    """The server would not have what became of the handler's call."""
    kind, told = REFUSED[verb]
    failure = Failure(message=f"{told}: {detail}"[:MESSAGE_CHARS], kind=kind)
    report = FailReport(run_id=run_id, token=token, error=failure, started_at=moment(started_at))
    return Outcome("fail", encode(report))


def released(run_id: str, token: str, reason: str | None, *, delay_seconds: float | None = None) -> Outcome:
    """The run is given back."""
    report = ReleaseReport(run_id=run_id, token=token, reason=reason and reason[:4096], delay_seconds=delay_seconds)
    return Outcome("release", encode(report))


def moment(seconds: float) -> dt.datetime | None:
    """Seconds of the epoch as a time; nought is none."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC) if seconds else None


def trace(error: BaseException) -> str:
    """The end of the traceback, where the cause is."""
    text = "".join(traceback.format_exception(error))
    return text.encode("utf-8", "replace")[-TRACEBACK_BYTES:].decode("utf-8", "ignore")
