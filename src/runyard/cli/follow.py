"""Follow a run until it ends or waits for a person."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from runyard.cli.exits import Exit, is_outcome
from runyard.cli.failures import Failure
from runyard.cli.output import note

if TYPE_CHECKING:
    from runyard.cli.invocation import Invocation
    from runyard.sdk import Client
    from runyard.sdk.exchange import Server
    from runyard.sdk.models import Done, Event, LogEntry, Resync, Run

    Item = Event | LogEntry | Done | Resync

IDLE_SECONDS = 10.0


class Follower(Protocol):
    """Who is told what happens."""

    def event(self, event: Event) -> None:
        """A line of the journal came."""

    def log(self, entry: LogEntry) -> None:
        """A line of the log came."""

    def idle(self, run: Run, why: str) -> None:
        """Nothing came for a while."""


def follow(
    invocation: Invocation,
    client: Client,
    run_id: str,
    follower: Follower,
    *,
    after: int = 0,
    timeout: float | None = None,
    idle_seconds: float = IDLE_SECONDS,
) -> Run:
    """The run as it ended. Raises `Failure` when the time is up first, or when Ctrl-C detaches from it."""
    from runyard.sdk.models import Done, Event, LogEntry

    try:
        for item in items(client, run_id, after=after, timeout=timeout, idle_seconds=idle_seconds):
            if isinstance(item, Event):
                follower.event(item)
            elif isinstance(item, LogEntry):
                follower.log(item)
            if item is None or isinstance(item, Done) or (isinstance(item, Event) and item.type in PARKING):
                run = client.runs.get(run_id)
                if is_outcome(run.state):
                    return run
                if item is None:
                    follower.idle(run, _why(client, run))
    except KeyboardInterrupt:
        note(invocation, f"\nDetached; run {run_id} goes on.")
        note(invocation, f"  runyard runs watch {run_id}    to follow it again")
        note(invocation, f"  runyard runs cancel {run_id}   to stop it")
        raise
    return client.runs.get(run_id)


PARKING = frozenset({"run.dead_lettered", "run.needs_attention"})
"""Events after which nothing happens by itself, though the stream stays open."""


def items(
    client: Client, run_id: str, *, after: int = 0, timeout: float | None = None, idle_seconds: float = IDLE_SECONDS
) -> Iterator[Item | None]:
    """What the run's stream brings, and None whenever that was nothing for a while. Raises `Failure` out of time."""
    arrived: queue.SimpleQueue[Item | BaseException | None] = queue.SimpleQueue()
    gone = threading.Event()
    # Read in a thread: a blocking read could be interrupted neither by the clock nor, everywhere, by Ctrl-C.
    threading.Thread(
        target=_read, args=(client.server, run_id, after, arrived, gone), name="follow", daemon=True
    ).start()
    until = None if timeout is None else time.monotonic() + timeout
    try:
        while True:
            patience = idle_seconds if until is None else min(idle_seconds, until - time.monotonic())
            try:
                item = arrived.get(timeout=max(0.0, patience))
            except queue.Empty:
                if until is not None and time.monotonic() >= until:
                    raise _out_of_time(run_id, timeout) from None
                yield None
                continue
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        gone.set()


def _read(
    server: Server,
    run_id: str,
    after: int,
    arrived: queue.SimpleQueue[Item | BaseException | None],
    gone: threading.Event,
) -> None:
    from runyard.sdk import Client

    try:
        # A client of its own, which nobody closes while it reads.
        with Client(server.url, server.key, server.project) as client:
            for item in client.runs.stream(run_id, after=after):
                if gone.is_set():
                    return
                arrived.put(item)
        arrived.put(None)
    except Exception as error:
        arrived.put(error)


def _why(client: Client, run: Run) -> str:
    """Why a queued run is not taken; nothing for one that is at work."""
    return client.runs.explain(run.id).summary if run.state == "queued" else ""


def _out_of_time(run_id: str, timeout: float | None) -> Failure:
    return Failure(
        f"Run {run_id} had not ended after {timeout:g} s; it goes on.",
        code="timed_out",
        hint=f"`runyard runs watch {run_id}` follows it again, `runyard runs cancel {run_id}` stops it.",
        retryable=True,
        exit=Exit.TIMED_OUT,
    )
