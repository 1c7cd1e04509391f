"""The runs a worker holds leases on, and as much of the API's answers as it looks at for each of them."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Raw

from runyard.sdk.errors import BadReply
from runyard.sdk.models import NULL, ResultError


class ClaimedLease(msgspec.Struct):
    """A lease as claimed."""

    token: str
    until: datetime


class Claimed(msgspec.Struct):
    """A run as claimed; the run stays text, for most handlers never look at more of it than its payload."""

    run: Raw
    lease: ClaimedLease


class ClaimedMany(msgspec.Struct):
    """The answer to a claim."""

    claims: list[Claimed]


class Brief(msgspec.Struct):
    """What a worker needs to know of a run."""

    id: str
    job: str | None = None
    queue: str = "default"
    attempt: int = 1
    payload: Raw = NULL
    claimed_at: datetime | None = None


class Verdict(msgspec.Struct):
    """What became of a report."""

    run_id: str
    ok: bool
    error: ResultError | None = None


class Verdicts(msgspec.Struct):
    """The answer to reports."""

    results: list[Verdict]


@dataclass(frozen=True, slots=True)
class Handler:
    """A user's function."""

    function: Callable[..., Any]
    is_async: bool


@dataclass(frozen=True, slots=True)
class Handlers:
    """Who works on what."""

    by_job: Mapping[str, Handler]
    by_queue: Mapping[str, Handler]
    fallback: Handler | None

    def of(self, brief: Brief) -> Handler | None:
        """Who works on this run, if anybody."""
        return self.by_job.get(brief.job or "") or self.by_queue.get(brief.queue) or self.fallback

    @property
    def jobs(self) -> list[str] | None:
        """The jobs whose runs are asked for; None is any."""
        return None if self.fallback or self.by_queue else [*self.by_job]

    @property
    def everyone(self) -> list[Handler]:
        """All of them."""
        return [*self.by_job.values(), *self.by_queue.values(), *([self.fallback] if self.fallback else [])]


class Cancelled(threading.Event):
    """Set once the run is not ours any more: true or false, and something to wait for."""

    def __bool__(self) -> bool:
        return self.is_set()


class Held:
    """A run under a lease of ours, from the claim until its outcome is acknowledged."""

    __slots__ = (
        "attempt",
        "beat_at",
        "cancelled",
        "finished",
        "flush",
        "handler",
        "lease_seconds",
        "lines",
        "lines_announced",
        "lost",
        "payload",
        "run",
        "run_id",
        "started_at",
        "task",
        "token",
    )

    def __init__(self, claimed: Claimed, brief: Brief, handler: Handler | None, now: float) -> None:
        self.run_id = brief.id
        self.token = claimed.lease.token
        self.attempt = brief.attempt
        self.payload = brief.payload
        self.run = claimed.run
        self.handler = handler
        self.lease_seconds = lease_seconds(claimed, brief)
        self.beat_at = now + self.lease_seconds / 3
        self.started_at = 0.0
        self.finished = False
        # Why the lease is gone, in the server's words.
        self.lost = ""
        # Made when the handler first asks for it: an Event costs more than all else here.
        self.cancelled: Cancelled | None = None
        self.lines: deque[bytes] | None = None
        self.lines_announced = False
        self.flush: asyncio.Task[None] | None = None
        self.task: asyncio.Task[None] | None = None

    def is_lost(self) -> bool:
        """Whether the lease is gone."""
        return self.lost != ""


_brief = msgspec.json.Decoder(Brief)


def taken(claimed: Claimed, handlers: Handlers, now: float) -> Held:
    """A claimed run as one that is held; `now` is monotonic. Raises `BadReply` when it makes no sense."""
    try:
        brief = _brief.decode(claimed.run)
    except msgspec.MsgspecError as error:
        raise BadReply(f"a claimed run has an unknown shape: {error}") from error
    return Held(claimed, brief, handlers.of(brief), now)


def lease_seconds(claimed: Claimed, brief: Brief) -> float:
    """How long the lease is. Both its ends are times of the server, so our own clock need not be right."""
    if brief.claimed_at is None:
        return 30.0
    return max(0.5, (claimed.lease.until - brief.claimed_at).total_seconds())
