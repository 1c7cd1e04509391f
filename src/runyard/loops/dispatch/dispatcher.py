"""The dispatcher: sends what was claimed, and reports what came of it.

Each request is a task of its own; claims, starts, reports and heartbeats go to the store many at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

import msgspec
import structlog

from runyard.domain.endpoints import Tried, closed_until
from runyard.domain.errors import Conflict, DomainError, LeaseLost, Unavailable
from runyard.domain.policy import SECOND, Failure
from runyard.domain.records import Run
from runyard.domain.states import RunState
from runyard.engine import dispatches, endpoints, leases, proofs
from runyard.engine.dispatches import Boarded, Luggage
from runyard.loops.dispatch import outcomes
from runyard.loops.dispatch.claiming import BATCH, LEASE, Claims
from runyard.loops.dispatch.fares import Fares, Place
from runyard.loops.dispatch.flights import Flight
from runyard.loops.dispatch.lulls import Lull
from runyard.loops.dispatch.outcomes import Verdict
from runyard.loops.dispatch.packing import Packer, Unsendable
from runyard.loops.dispatch.requests import Parcel, outgoing, redacted, seconds_left
from runyard.loops.dispatch.shares import QUICK
from runyard.loops.dispatch.traffic import Traffic
from runyard.outbound.client import Client
from runyard.outbound.messages import NoAnswer
from runyard.settings import Settings
from runyard.storage.port import Store

log = structlog.get_logger("runyard.dispatch")

TROUBLE = "dispatch:trouble"
"""Woken when a request went badly: the other servers are told at once."""
CEILING = 300.0
"""No request takes longer than this many seconds, whatever the run's timeout."""
UNHURRIED = 0.02
"""A report waits for others for so much of the time that the request took, if that was long."""
LONGEST_WAIT = 0.1
"""But no longer. A server that dies meanwhile loses the answer, as with any death before the commit."""
PATIENCE = 60.0
"""How long a report is tried again while the store cannot be reached."""


class Dispatcher:
    """One server's sender of runs."""

    BEAT = 10.0
    RECORD = 0.25
    IDLE = 5.0

    def __init__(
        self, store: Store, client: Client, packer: Packer, settings: Settings, *, wake: Callable[[str], object]
    ) -> None:
        self.store = store
        self.client = client
        self.packer = packer
        self.traffic = Traffic(settings.dispatch_concurrency)
        self.fares = Fares()
        self.flights: dict[str, Flight] = {}
        """Everything in our hands, by lease token."""
        self.claims = Claims(store, packer, self.traffic, self.fares, wake=wake, depart=self._depart)
        self._wake = wake
        self._lull = Lull()
        self._tasks: set[asyncio.Task[None]] = set()

    # The loops

    async def beat_once(self) -> None:
        """Renew the leases of what is under way."""
        flying = [flight for flight in self.flights.values() if flight.started and not flight.lost]
        for start in range(0, len(flying), BATCH):
            some = flying[start : start + BATCH]
            beats = [leases.Heartbeat(**flight.proof(), lease=LEASE) for flight in some]
            for flight, outcome in zip(some, await self.store.write(leases.heartbeat, beats), strict=True):
                flight.lost = isinstance(outcome, LeaseLost)

    async def record_once(self) -> float | None:
        """Tell the other servers what requests came to; seldom while nothing is sent."""
        tried = self.fares.taken()
        if tried:
            self.fares.learn(await self.store.write(endpoints.record, tried))
        self.client.sweep()
        return None if self.flights else self.IDLE

    async def forget_once(self) -> None:
        """Forget addresses nothing was sent to for long."""
        await self.store.write(endpoints.forget)

    # The end

    def drain(self) -> None:
        """Claim nothing more."""
        self.claims.is_draining = True

    async def stop(self, seconds: float) -> None:
        """Let requests under way come to their end for so long, and give the rest back."""
        self.drain()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, seconds)):
                await self.claims.end()
                while self._tasks:
                    await asyncio.wait(self._tasks)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        reports = [leases.Release(**flight.proof(), reason="the server stops") for flight in self.flights.values()]
        with contextlib.suppress(Unavailable):
            if reports:
                await self.store.write(leases.release, reports)
            await self.record_once()
        self.flights.clear()

    # One batch

    def _depart(self, boarded: Boarded) -> None:
        """Take over what was claimed, and set it going."""
        handled_at, began = self.store.now(), time.perf_counter()
        flights = [
            Flight(
                granted=one,
                class_id=one.run.class_id,
                handled_at=handled_at,
                began=began,
                started=one.run.state is RunState.RUNNING,
            )
            for one in boarded.granted
        ]
        if not self.flights:
            self._wake(TROUBLE)  # whoever tells of it rests while nothing is sent
        self.flights |= {flight.granted.lease.token: flight for flight in flights}
        self.traffic.take_off([flight.class_id for flight in flights])
        if flights:
            self._spawn(self._send_off(flights, boarded.luggage), flights)

    async def _send_off(self, flights: Sequence[Flight], luggage: Luggage) -> None:
        parcels = self._packed(flights, luggage)
        for flight, parcel in parcels:
            if flight.started:
                self._spawn(self._fly(flight, parcel), [flight])
        cleared = await self._cleared([(flight, parcel) for flight, parcel in parcels if not flight.started])
        if not cleared:
            return
        starts = [leases.Start(**flight.proof(), lease=LEASE) for flight, _ in cleared]
        begun = await self._tell(leases.start, starts)
        for (flight, parcel), outcome in zip(cleared, begun, strict=True):
            if isinstance(outcome, leases.Reported):
                flight.started = True
                self._spawn(self._fly(flight, msgspec.structs.replace(parcel, run=outcome.run)), [flight])
            else:
                self._land(flight)

    def _packed(self, flights: Sequence[Flight], luggage: Luggage) -> list[tuple[Flight, Parcel]]:
        """The runs with all that goes out with them; those that cannot be sent at all are reported as such."""
        self.packer.learn(luggage.specs)
        parcels: list[tuple[Flight, Parcel]] = []
        for flight in flights:
            try:
                parcel = self.packer.pack(flight.run, luggage)
            except Unsendable as error:
                self._spawn(self._system_fail(flight, str(error)), [flight])
                continue
            spec = self.packer.spec(flight.run)
            self.fares.serves(flight.class_id, parcel.place, spec.max_concurrency if spec else None)
            parcels.append((flight, parcel))
        return parcels

    async def _cleared(self, parcels: Sequence[tuple[Flight, Parcel]]) -> list[tuple[Flight, Parcel]]:
        """Those whose endpoints may be tried now; the others are put off."""
        places = self.fares.stale({parcel.place for _, parcel in parcels})
        if places:
            self.fares.learn(await self.store.read(dispatches.fare, places), asked=places)
        shut = self._shut({parcel.place for _, parcel in parcels})
        return [(flight, parcel) for flight, parcel in parcels if self._is_cleared(flight, shut.get(parcel.place))]

    def _shut(self, places: set[Place]) -> dict[Place, tuple[int, str]]:
        """The places that may not be tried now: how long, and why."""
        now = self.store.now()
        shut: dict[Place, tuple[int, str]] = {}
        for place in places:
            endpoint = self.fares.of(place, now)
            until = closed_until(endpoint, now) if endpoint is not None else None
            if until is not None:
                is_open = endpoint is not None and endpoint.open_until is not None
                reason = "the endpoint's circuit is open" if is_open else "the endpoint is in poor health"
                shut[place] = (until - now, reason)
        return shut

    def _is_cleared(self, flight: Flight, shut: tuple[int, str] | None) -> bool:
        """Whether the endpoint may be tried now; if not, the run is put off."""
        if shut is None:
            return True
        delay, reason = shut
        snooze = leases.Snooze(**flight.proof(), reason=reason, delay=delay)
        self._spawn(self._end(flight, leases.snooze, snooze), [flight])
        return False

    # One run

    async def _fly(self, flight: Flight, parcel: Parcel) -> None:
        sent = time.perf_counter()
        try:
            verdict = await self._exchanged(parcel)
        except Exception:
            log.exception("dispatch.failed", run=flight.run.id)
            await self._system_fail(flight, "the dispatcher failed")
            return
        run = parcel.run
        answered = time.perf_counter()
        trace = outcomes.trace(
            created_at=run.created_at,
            claimed_at=run.claimed_at or flight.handled_at,
            handled_at=flight.handled_at,
            timing=verdict.timing,
            total=answered - flight.began,
        )
        # The endpoint's time and not ours: it is not to be taken for slow because the store is.
        self.traffic.timed(flight.class_id, answered - sent)
        await self._gather(run, answered - sent)
        if verdict.kind is None:
            done = leases.Complete(**flight.proof(), output=verdict.output, trace=trace)
            await self._end(flight, leases.complete, done, refused=self._refused(flight, trace))
            return
        failure = Failure(message=redacted(parcel, verdict.message), kind=verdict.kind)
        timed_out = verdict.kind == "timeout"
        await self._end(
            flight, leases.fail, leases.Fail(**flight.proof(), failure=failure, trace=trace, timed_out=timed_out)
        )

    async def _gather(self, run: Run, taken: float) -> None:
        """Have the reports on runs that took long come together: they are one commit and cause one claim.

        None comes later than the run's timeout, which the engine keeps.
        """
        left = seconds_left(run, self.store.now())
        wait = min(taken * UNHURRIED, LONGEST_WAIT, LONGEST_WAIT if left is None else left)
        if taken >= QUICK and wait > 0 and not self.claims.is_draining:
            await self._lull.wait(wait)

    async def _exchanged(self, parcel: Parcel) -> Verdict:
        """What came of the attempt: of the endpoint, or of its fallback where that may help."""
        left = seconds_left(parcel.run, self.store.now())
        deadline = None if left is None else time.perf_counter() + left
        for place, url in enumerate(parcel.urls):
            began = time.perf_counter()
            seconds = CEILING if deadline is None else min(CEILING, deadline - began)
            if place and seconds <= 0:
                break
            try:
                request = outgoing(parcel, url, self.store.now() // SECOND)
                verdict = outcomes.of_answer(await self.client.send(request, timeout=max(seconds, 0.001)))
            except NoAnswer as trouble:
                verdict = outcomes.of_trouble(trouble, time.perf_counter() - began)
            if verdict.kind is None or verdict.kind in outcomes.BLAMES:
                well, taken = verdict.kind is None, time.perf_counter() - began
                self.fares.count(Tried(project_id=parcel.run.project_id, url=url, results=[(well, taken)]))
                if not well:
                    self._wake(TROUBLE)
            if verdict.kind not in outcomes.FALLS_BACK:
                break
        return verdict

    def _refused(self, flight: Flight, trace: str) -> Callable[[DomainError], leases.Fail]:
        """What is reported when the answer is not one that the job may give."""

        def report(error: DomainError) -> leases.Fail:
            failure = Failure(message=error.detail, kind="client", retryable=False)
            return leases.Fail(**flight.proof(), failure=failure, trace=trace)

        return report

    async def _system_fail(self, flight: Flight, message: str) -> None:
        failure = Failure(message=message, kind="server", retryable=False)
        await self._end(flight, leases.fail, leases.Fail(**flight.proof(), failure=failure, final="system_failed"))

    async def _end(
        self,
        flight: Flight,
        op: Callable[..., Any],
        report: proofs.Report,
        *,
        refused: Callable[[DomainError], leases.Fail] | None = None,
    ) -> None:
        """Report what became of the run. What somebody else decided meanwhile stands: our report is dropped."""
        (outcome,) = await self._tell(op, [report])
        if isinstance(outcome, DomainError) and not isinstance(outcome, Conflict) and refused is not None:
            (outcome,) = await self._tell(leases.fail, [refused(outcome)])
        if isinstance(outcome, DomainError):
            log.info("dispatch.dropped", run=flight.run.id, reason=outcome.code)
        self._land(flight)

    async def _tell(self, op: Callable[..., Any], reports: Sequence[proofs.Report]) -> Sequence[Any]:
        """What the store says to the reports; asked again while it cannot be reached."""
        give_up = time.monotonic() + PATIENCE
        rest = 0.1
        while True:
            try:
                answers: Sequence[Any] = await self.store.write(op, reports)
                return answers
            except Unavailable:
                if time.monotonic() > give_up:
                    raise
            await asyncio.sleep(rest)
            rest = min(5.0, rest * 2)

    def _land(self, flight: Flight) -> None:
        """The run is out of our hands, and its place free."""
        if self.flights.pop(flight.granted.lease.token, None) is not None:
            self.traffic.landed([flight.class_id])
            self.claims.landed()

    def _spawn(self, work: Coroutine[Any, Any, None], flights: Sequence[Flight]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(partial(self._finished, flights))

    def _finished(self, flights: Sequence[Flight], task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            # What the store knows of these runs is unknown: nobody renews their leases, and what is left is taken up
            # when they end.
            for flight in flights:
                self._land(flight)
            log.error("dispatch.task_failed", exc_info=task.exception())
