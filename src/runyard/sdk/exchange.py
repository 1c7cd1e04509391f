"""How a call is carried out, without doing it: scripts that yield what to do next and are told what came of it.

`Client` and `AsyncClient` both drive these scripts; they differ only in how they send and sleep.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import uuid_utils

from runyard.sdk.call import Call, Query
from runyard.sdk.errors import RunyardError, Unreachable, WaitTimeout, error_of
from runyard.sdk.models import Run

T = TypeVar("T")
R = TypeVar("R", bound=Run)

SAFE_METHODS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to put on the wire."""

    method: str
    url: str
    headers: Mapping[str, str]
    query: Query = ()
    body: bytes | None = None
    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class Sleep:
    """Do nothing for a while."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Step = Request | Sleep
Answer = Reply | Unreachable | None
Script = Generator[Step, Answer, T]


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where requests go and what they all carry."""

    url: str
    key: str | None = None
    project: str | None = None
    headers: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        headers = {"Accept": "application/json", "User-Agent": "runyard-sdk"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        if self.project:
            headers["X-Runyard-Project"] = self.project
        object.__setattr__(self, "headers", headers)

    def __repr__(self) -> str:
        return f"Server({self.url!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often and how long to try again; `dice` gives a number from 0 up to 1."""

    retries: int
    dice: Callable[[], float]
    first_seconds: float = 0.2
    most_seconds: float = 8.0
    longest_retry_after: float = 60.0

    def delay(self, failures: int) -> float:
        """Full jitter: anything up to a bound that doubles with every failure."""
        return self.dice() * min(self.most_seconds, self.first_seconds * 2.0 ** min(failures, 32))

    def after(self, error: RunyardError, failures: int) -> float | None:
        """The seconds to wait before trying again, or None to give up."""
        if failures >= self.retries or not (error.retryable or isinstance(error, Unreachable)):
            return None
        if error.retry_after is None:
            return self.delay(failures)
        if error.retry_after > self.longest_retry_after:
            return None
        # The dice on top keep everybody who was sent away together from coming back together.
        return error.retry_after + self.dice() * min(1.0, self.first_seconds + error.retry_after / 4)


def request_of(call: Call[T], server: Server, *, idempotency_key: str | None = None) -> Request:
    """The call as a request to the server."""
    headers = {**server.headers, **dict(call.headers)}
    if call.body is not None:
        headers["Content-Type"] = call.content_type
    if idempotency_key is not None:
        headers["Idempotency-Key"] = idempotency_key
    url = server.url + "/runyard/v1" + call.path
    return Request(method=call.method, url=url, headers=headers, query=call.query, body=call.body, timeout=call.timeout)


def needs_idempotency_key(call: Call[T]) -> bool:
    """Whether sending it a second time could do its work a second time."""
    return call.method not in SAFE_METHODS and not call.repeatable


def exchange(call: Call[T], server: Server, patience: Patience) -> Script[T]:
    """Send the call until it is answered for good. Raises the `RunyardError` that stands at the end."""
    key = str(uuid_utils.uuid7()) if needs_idempotency_key(call) else None
    request = request_of(call, server, idempotency_key=key)
    failures = 0
    while True:
        answer = yield request
        if isinstance(answer, Reply) and 200 <= answer.status < 300:
            return call.read(answer.body)
        error = failure(answer)
        delay = patience.after(error, failures)
        if delay is None:
            raise error
        failures += 1
        yield Sleep(delay)


def failure(answer: Answer) -> RunyardError:
    """The error that an unsuccessful answer stands for."""
    if isinstance(answer, Reply):
        return error_of(answer.status, answer.headers, answer.body, now=dt.datetime.now(dt.UTC))
    return answer or Unreachable()


def until_settled(
    call: Call[R],
    server: Server,
    patience: Patience,
    *,
    timeout: float | None,
    clock: Callable[[], float],
) -> Script[R]:
    """Read a run until it goes nowhere by itself. Raises `WaitTimeout` when the time is up before that."""
    began = clock()
    while True:
        run = yield from exchange(call, server, patience)
        if run.is_settled:
            return run
        waited = clock() - began
        if timeout is not None and waited >= timeout:
            raise WaitTimeout(f"Run {run.id} is {run.state} after {waited:.1f} s.")
        # A tenth of the time waited so far: prompt for short runs, cheap for long ones.
        pause = min(1.0, max(0.05, waited / 10))
        yield Sleep(pause if timeout is None else min(pause, timeout - waited))
