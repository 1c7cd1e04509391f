"""One stretch of work, from the first claim to the end of the drain. It lives on an event loop.

Runs go: claimed → backlog → handler (a thread or a task) → outcome → report → acknowledged, which is when they are
forgotten. What other threads have to say reaches the loop by `_poke`, which wakes it once however much there is.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import msgspec

from runyard.sdk.async_client import AsyncClient
from runyard.sdk.call import Call
from runyard.sdk.calls import leases
from runyard.sdk.errors import RunyardError
from runyard.sdk.worker import outcomes
from runyard.sdk.worker.beats import Beats
from runyard.sdk.worker.context import AsyncContext, Context
from runyard.sdk.worker.held import ClaimedMany, Handlers, Held, Verdict, taken
from runyard.sdk.worker.logbook import Logbook
from runyard.sdk.worker.outcomes import NOTHING, Outcome
from runyard.sdk.worker.pace import Pace
from runyard.sdk.worker.patience import once, pause, stubborn
from runyard.sdk.worker.reporter import Reporter
from runyard.sdk.worker.threads import Threads
from runyard.sdk.worker.waiting import first

T = TypeVar("T")

log = logging.getLogger("runyard.worker")

START_GRACE_SECONDS = 0.01
"""A run that is over by then is never reported as started: its outcome says when it began."""
STUCK_SECONDS = 2.0
"""Runs held in reserve go back when nothing has begun for so long: another worker may have a free place."""
CLAIM_GRACE_SECONDS = 0.3
GOODBYE_SECONDS = 5.0
MOST_UNACKNOWLEDGED = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a worker works."""

    name: str
    queues: tuple[str, ...] | None
    executor: str | None
    capabilities: tuple[str, ...] | None
    concurrency: int
    prefetch: int | None
    lease_seconds: float | None
    wait_seconds: float
    drain_seconds: float


class Session:
    """A worker at work."""

    def __init__(self, client: AsyncClient, terms: Terms, handlers: Handlers) -> None:
        self._client = client
        self._terms = terms
        self._handlers = handlers
        self._once = once(client.patience)
        self._stubborn = stubborn(client.patience)
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._hurried = asyncio.Event()
        self._room = asyncio.Event()
        self._held: dict[str, Held] = {}
        self._backlog: deque[Held] = deque()
        self._begun: deque[Held] = deque()
        self._ended: deque[tuple[Held, Outcome]] = deque()
        self._lines: deque[Held] = deque()
        self._poked = False
        self._giving_back = False
        # Runs that are with a thread or a task, and all runs without an outcome.
        self._working = 0
        self._busy = 0
        self._last_begin = self._loop.time()
        self._starts: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._endings: set[asyncio.Task[None]] = set()
        self._pace = Pace(fixed=terms.prefetch)
        # Threads take runs from their queue by themselves, unless they have to share the places with async handlers.
        self._only_threads = not any(handler.is_async for handler in handlers.everyone)
        self._threads = Threads(self._work, most=terms.concurrency)
        self._reporter = Reporter(self._ask, client.patience, settled=self._settle)
        self._logbook = Logbook(self._ask, client.patience, spawn=self._spawn)
        self._beats = Beats(
            self._ask,
            lease_seconds=terms.lease_seconds,
            everything=self._held.values,
            lost=self._lose,
            spawn=self._spawn,
        )

    # -- from the first claim to the last acknowledgement

    async def work(self) -> None:
        """Claim and work until told to stop; then drain."""
        watch = self._spawn(self._give_back_when_stuck())
        try:
            await self._claim_until_stopped()
        finally:
            watch.cancel()
        await self._drain()

    def stop(self) -> None:
        """Claim nothing more, finish what was begun. A second time: do not wait for it."""
        if self._stopping.is_set():
            self._hurried.set()
        self._stopping.set()

    async def stopping(self) -> None:
        """Come back once it was told to stop."""
        await self._stopping.wait()

    async def _claim_until_stopped(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            wanted = self._wanted()
            if wanted <= 0:
                self._room.clear()
                await first(self._room.wait(), self._stopping.wait())
                continue
            try:
                self._accept(await self._claim(wanted))
                failures = 0
            except RunyardError as error:
                delay = pause(self._client.patience, error, failures)
                log.warning("worker.claim_failed retry_in=%.1fs error=%s", delay, error)
                failures += 1
                await first(self._stopping.wait(), asyncio.sleep(delay))

    async def _claim(self, wanted: int) -> ClaimedMany:
        terms = self._terms
        call = leases.claim(
            limit=wanted,
            queues=terms.queues,
            jobs=self._handlers.jobs,
            executor=terms.executor,
            capabilities=terms.capabilities,
            lease_seconds=terms.lease_seconds,
            wait_seconds=terms.wait_seconds,
            worker=terms.name,
        )
        claiming = asyncio.ensure_future(self._ask(replace(call, then=None).into(ClaimedMany)))
        began = self._loop.time()
        await first(claiming, self._stopping.wait())
        if self._stopping.is_set() and not claiming.done():
            # An answer may be on its way: wait for it a moment, so that its runs go back now and not when their leases
            # run out. A claim that has been silent for longer is waiting for work to come.
            left = began + CLAIM_GRACE_SECONDS - self._loop.time()
            await asyncio.wait([claiming], timeout=max(0.0, left))
        if not claiming.done():
            claiming.cancel()
            return ClaimedMany([])
        return claiming.result()

    async def _drain(self) -> None:
        log.info("worker.draining runs=%d", self._busy)
        self._give_back("The worker stops before it came to this run.")
        deadline = self._loop.time() + self._terms.drain_seconds
        while self._busy and not self._hurried.is_set() and (left := deadline - self._loop.time()) > 0:
            self._room.clear()
            await first(self._room.wait(), self._hurried.wait(), asyncio.sleep(left))
        self._giving_back = True
        for held in [one for one in self._held.values() if not one.finished]:
            self._end(held, outcomes.released(held.run_id, held.token, "The worker stops."))
            self._tell(held)
        if self._endings:
            await asyncio.wait(self._endings, timeout=GOODBYE_SECONDS)
        for task in self._endings:
            task.cancel()
        await asyncio.gather(*self._endings, return_exceptions=True)
        left_over = await self._reporter.drain(GOODBYE_SECONDS)
        if left_over:
            log.error("worker.reports_lost calls=%d: their leases run out by themselves", left_over)
        self._beats.stop()
        self._threads.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        log.info("worker.stopped")

    # -- claiming

    def _wanted(self) -> int:
        terms = self._terms
        target = terms.concurrency + self._pace.ahead(self._loop.time())
        unacknowledged = len(self._held) - self._busy
        # With every place taken there is no hurry: ask again when half of the reserve is used up.
        if self._busy >= terms.concurrency and self._busy * 2 > target:
            return 0
        if unacknowledged > MOST_UNACKNOWLEDGED:
            return 0
        return min(1000, target - self._busy)

    def _accept(self, answer: ClaimedMany) -> None:
        if not answer.claims:
            return
        now = self._loop.time()
        earliest = now + 3600.0
        for claimed in answer.claims:
            held = taken(claimed, self._handlers, now)
            stale = self._held.get(held.run_id)
            if stale is not None:
                # We lost the first lease on this run and were handed a second one.
                self._lose(stale, "lease_lost")
            self._held[held.run_id] = held
            earliest = min(earliest, held.beat_at)
            self._busy += 1
            if held.handler is None:
                self._end(held, outcomes.released(held.run_id, held.token, "This worker has no handler for it."))
            else:
                self._backlog.append(held)
        self._beats.expect(earliest)
        self._dispatch()
        self._reporter.pump()

    def _dispatch(self) -> None:
        while self._backlog and (self._only_threads or self._working < self._terms.concurrency):
            held = self._backlog.popleft()
            self._working += 1
            assert held.handler is not None
            if held.handler.is_async:
                held.task = self._spawn(self._work_async(held))
            else:
                self._threads.put(held, busy=self._working)

    # -- working

    def _work(self, held: Held) -> None:
        """Call a plain handler; runs in a thread."""
        if held.lost:
            self._over(held, NOTHING)
            return
        held.started_at = time.time()
        self._begun.append(held)
        self._poke()
        assert held.handler is not None
        try:
            output = held.handler.function(Context(self, held), msgspec.json.decode(held.payload))
            outcome = outcomes.completed(held.run_id, held.token, output, started_at=held.started_at)
        except BaseException as error:
            outcome = outcomes.raised(held.run_id, held.token, error, started_at=held.started_at)
        self._over(held, outcome)

    async def _work_async(self, held: Held) -> None:
        """Call an async handler; runs as a task."""
        outcome = NOTHING
        if not held.is_lost():
            held.started_at = time.time()
            self._begun.append(held)
            self._poke()
            assert held.handler is not None
            try:
                output = await held.handler.function(AsyncContext(self, held), msgspec.json.decode(held.payload))
                outcome = outcomes.completed(held.run_id, held.token, output, started_at=held.started_at)
            except asyncio.CancelledError as error:
                if not held.is_lost() and not self._giving_back:
                    outcome = outcomes.raised(held.run_id, held.token, error, started_at=held.started_at)
            except BaseException as error:
                outcome = outcomes.raised(held.run_id, held.token, error, started_at=held.started_at)
        self._over(held, outcome)

    def _over(self, held: Held, outcome: Outcome) -> None:
        self._ended.append((held, outcome))
        self._poke()

    # -- what threads tell the loop

    def _poke(self) -> None:
        if not self._poked:
            self._poked = True
            try:
                self._loop.call_soon_threadsafe(self._look)
            except RuntimeError:
                # The loop is closed: this handler outlived the drain, and its run was given back.
                log.debug("worker.too_late")

    def _look(self) -> None:
        # First, so that whatever is said from here on pokes again.
        self._poked = False
        while self._ended:
            held, outcome = self._ended.popleft()
            self._working -= 1
            if not held.finished:
                self._end(held, outcome)
        while self._lines:
            self._logbook.announce(self._lines.popleft())
        if self._begun:
            self._last_begin = self._loop.time()
            if self._starts is None:
                self._starts = self._loop.call_later(START_GRACE_SECONDS, self._report_starts)
        self._dispatch()
        self._reporter.pump()

    def _report_starts(self) -> None:
        self._starts = None
        ripe = time.time() - START_GRACE_SECONDS / 2
        for _ in range(len(self._begun)):
            held = self._begun.popleft()
            if held.finished:
                continue
            if held.started_at > ripe:
                self._begun.append(held)
            else:
                self._reporter.add(held, outcomes.started(held.run_id, held.token, started_at=held.started_at))
        self._reporter.pump()
        if self._begun:
            self._starts = self._loop.call_later(START_GRACE_SECONDS, self._report_starts)

    # -- ending

    def _end(self, held: Held, outcome: Outcome) -> None:
        held.finished = True
        self._busy -= 1
        self._pace.finished()
        self._room.set()
        if held.lost or outcome is NOTHING:
            self._forget(held)
        elif held.lines or held.flush:
            task = self._spawn(self._end_after_lines(held, outcome))
            self._endings.add(task)
            task.add_done_callback(self._endings.discard)
        else:
            self._reporter.add(held, outcome)

    async def _end_after_lines(self, held: Held, outcome: Outcome) -> None:
        try:
            await self._logbook.flush(held)
        finally:
            # Cancelled at the end of a drain: the outcome matters more than the last lines.
            self._reporter.add(held, outcome)
            self._reporter.pump()

    def _settle(self, held: Held, outcome: Outcome, verdict: Verdict | None) -> None:
        """A report was answered; without a verdict it was refused for good."""
        if outcome.verb == "start":
            if verdict is not None and not verdict.ok and not held.finished:
                self._lose(held, _why(verdict))
            return
        if verdict is not None and not verdict.ok:
            log.warning("worker.report_too_late run=%s verb=%s state=%s", held.run_id, outcome.verb, _why(verdict))
        self._forget(held)

    def _forget(self, held: Held) -> None:
        if self._held.get(held.run_id) is held:
            del self._held[held.run_id]
        if len(self._held) - self._busy <= MOST_UNACKNOWLEDGED:
            self._room.set()

    def _lose(self, held: Held, state: str) -> None:
        """The lease is not ours any more: tell the handler to stop."""
        if held.finished or held.lost:
            return
        log.warning("worker.run_lost run=%s state=%s", held.run_id, state)
        held.lost = state
        self._tell(held)

    def _tell(self, held: Held) -> None:
        if held.cancelled is not None:
            held.cancelled.set()
        if held.task is not None:
            held.task.cancel()

    # -- giving back

    def _give_back(self, reason: str) -> None:
        """Release the runs that nobody has begun to work on."""
        unbegun = self._threads.take_back()
        self._working -= len(unbegun)
        unbegun.extend(self._backlog)
        self._backlog.clear()
        for held in unbegun:
            self._end(held, NOTHING if held.lost else outcomes.released(held.run_id, held.token, reason))
        self._reporter.pump()

    async def _give_back_when_stuck(self) -> None:
        while True:
            await asyncio.sleep(STUCK_SECONDS / 2)
            reserve = len(self._backlog) + self._threads.waiting()
            if reserve and self._loop.time() - self._last_begin > STUCK_SECONDS:
                log.info("worker.reserve_given_back runs=%d", reserve)
                self._give_back("The worker is busy with longer runs.")

    # -- the desk of handlers, and calls to the server

    def announce_lines(self, held: Held) -> None:
        """There are lines to send for this run."""
        self._lines.append(held)
        self._poke()

    def report_and_wait(self, call: Call[T]) -> T:
        """Send a handler's report from its thread."""
        return asyncio.run_coroutine_threadsafe(self.report(call), self._loop).result()

    async def report(self, call: Call[T]) -> T:
        """Send a handler's report from the loop."""
        return await self._client.send(call, patience=self._stubborn)

    async def _ask(self, call: Call[T]) -> T:
        return await self._client.send(call, patience=self._once)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._reap)
        return task

    def _reap(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("worker.task_failed", exc_info=error)


def _why(verdict: Verdict) -> str:
    return "lease_lost" if verdict.error is None else verdict.error.state or verdict.error.code
