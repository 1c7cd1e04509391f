"""What a handler is given besides its payload: `Context` for plain functions, `AsyncContext` for async ones.

They differ in that the async one's reports are awaited.
"""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import Any, Concatenate, Generic, NoReturn, ParamSpec, Protocol, TypeVar, overload

import msgspec

from runyard.sdk import models
from runyard.sdk.call import Call, encode
from runyard.sdk.calls import leases, work
from runyard.sdk.worker import asking
from runyard.sdk.worker.held import Cancelled, Held
from runyard.sdk.worker.outcomes import Park, Release

P = ParamSpec("P")
T = TypeVar("T")

_run = msgspec.json.Decoder(models.Run)

LONGEST_LINE = 1 << 20


class Desk(Protocol):
    """What carries a handler's reports away."""

    def announce_lines(self, held: Held) -> None:
        """There are lines to send for this run, the first since the last were sent."""

    def report_and_wait(self, call: Call[T]) -> T:
        """Send from a thread."""

    async def report(self, call: Call[T]) -> T:
        """Send from the loop."""


class Line(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A line for a run's log."""

    message: str
    level: str = "info"
    type: str = "log"
    data: Any = None
    at: dt.datetime | None = None


def _line(text: str, type: str, data: dict[str, Any]) -> Line:
    return Line(message=text[:LONGEST_LINE], type=type, data=data or None, at=dt.datetime.now(dt.UTC))


class About:
    """The run a handler works on, its log, and whether to stop. Nothing here waits."""

    def __init__(self, desk: Desk, held: Held) -> None:
        self._desk = desk
        self._held = held

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self._held.run_id

    @property
    def attempt(self) -> int:
        """Which try at the run this is; 1 for the first."""
        return self._held.attempt

    @cached_property
    def run(self) -> models.Run:
        """The run as it was when it was claimed."""
        return _run.decode(self._held.run)

    @property
    def cancelled(self) -> Cancelled:
        """True once the run is not ours any more (canceled, timed out, lease lost); can be waited for."""
        held = self._held
        if held.cancelled is None:
            held.cancelled = Cancelled()
            if held.lost:
                held.cancelled.set()
        return held.cancelled

    def log(self, message: str, level: str = "info", **data: Any) -> None:
        """Add a line to the run's log; it is sent in the background, and before the run's outcome."""
        self._write(Line(message=message[:LONGEST_LINE], level=level, data=data or None, at=dt.datetime.now(dt.UTC)))

    def _write(self, line: Line) -> None:
        held = self._held
        text = encode(line)
        if held.lines is None:
            held.lines = deque()
        held.lines.append(text)
        if not held.lines_announced:
            held.lines_announced = True
            self._desk.announce_lines(held)

    def progress(self, message: str, done: float | None = None, total: float | None = None) -> None:
        """Say how far it is: a line of the log of type `progress`, whose data has it too."""
        told = {"progress": {"done": done, "total": total}}
        now = dt.datetime.now(dt.UTC)
        self._write(Line(message=message[:LONGEST_LINE], type="progress", data=told, at=now))

    def think(self, text: str, **data: Any) -> None:
        """Say what the agent thinks: a line of its log of type `thought`, and a step of its trace."""
        self._write(_line(text, "thought", data))

    def observe(self, text: str, **data: Any) -> None:
        """Say what the agent sees or is told: a line of its log of type `observation`, and a step of its trace."""
        self._write(_line(text, "observation", data))

    def release(self, reason: str | None = None, *, delay_seconds: float | None = None) -> NoReturn:
        """Stop here and give the run back, no attempt used up. Raises `Release`, which the handler must let pass."""
        raise Release(reason, delay_seconds=delay_seconds)

    def park(self, *, timeout_seconds: float | None = None) -> NoReturn:
        """Stop here until the run's children have ended; the handler is then called anew. Raises `Park`."""
        raise Park(timeout_seconds)


class Reports(Generic[P, T]):
    """A request builder as a method about the handler's own run, under its lease."""

    def __init__(self, build: Callable[Concatenate[str, P], Call[T]]) -> None:
        self._build = build
        self.__doc__ = build.__doc__

    @overload
    def __get__(self, about: Context, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, about: AsyncContext, owner: type) -> Callable[P, Awaitable[T]]: ...
    def __get__(self, about: Context | AsyncContext, owner: type) -> Any:
        held, desk, build = about._held, about._desk, self._build
        send: Any = desk.report if isinstance(about, AsyncContext) else desk.report_and_wait

        def method(*args: P.args, **kwargs: P.kwargs) -> Any:
            kwargs["token"] = held.token
            return send(build(held.run_id, *args, **kwargs))

        method.__doc__ = self.__doc__
        return method


class ReportMethods:
    """What a handler may report; each raises `LeaseLost` when the run is somebody else's by now."""

    heartbeat = Reports(leases.beat)
    checkpoint = Reports(leases.checkpoint)
    last_checkpoint = Reports(leases.last_checkpoint)
    usage = Reports(leases.usage)
    stream = Reports(leases.stream)
    tool_call = Reports(leases.tool_call)
    output = Reports(leases.output)
    get_state = Reports(leases.get_state)
    set_state = Reports(leases.set_state)
    artifact = Reports(leases.upload)
    spawn = Reports(leases.spawn)
    approval = Reports(asking.approval)
    assignment = Reports(work.assignment)
    findings = Reports(work.report)
    action = Reports(work.act)


class Context(ReportMethods, About):
    """The run a plain function works on."""


class AsyncContext(ReportMethods, About):
    """The run an async function works on; reports are awaited."""
