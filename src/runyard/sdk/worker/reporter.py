"""Sends outcomes to the server in batches: what has gathered while the call before was under way goes into the next."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from runyard.sdk.call import Call
from runyard.sdk.calls import leases
from runyard.sdk.errors import BadReply, RunyardError
from runyard.sdk.exchange import Patience
from runyard.sdk.worker import outcomes
from runyard.sdk.worker.held import Held, Verdict, Verdicts
from runyard.sdk.worker.outcomes import Outcome
from runyard.sdk.worker.patience import passes, pause

log = logging.getLogger("runyard.worker")

Item = tuple[Held, Outcome]

FULL = 100
"""A second call need not wait for the first one's answer once there are so many reports for it."""
MOST_REPORTS = 500
MOST_BYTES = 1 << 20
MOST_CALLS = 4

# The server has answered, and this report is what it does not like; the lease is still ours.
UNFIT = frozenset({"invalid", "schema_mismatch", "too_large", "limit_reached"})


@dataclass(slots=True)
class Lane:
    """The reports of one verb."""

    waiting: deque[Item]
    calls: int = 0


class Reporter:
    """Everything that is to be reported and is not acknowledged yet."""

    def __init__(
        self,
        send: Callable[[Call[Verdicts]], Awaitable[Verdicts]],
        patience: Patience,
        *,
        settled: Callable[[Held, Outcome, Verdict | None], None],
    ) -> None:
        self._send = send
        self._patience = patience
        self._settled = settled
        self._lanes: dict[str, Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, held: Held, outcome: Outcome) -> None:
        """Have an outcome reported as soon as there is a call for it; see `pump`."""
        lane = self._lanes.get(outcome.verb)
        if lane is None:
            lane = self._lanes[outcome.verb] = Lane(deque())
        lane.waiting.append((held, outcome))

    def pump(self) -> None:
        """Start the calls that are worth starting now."""
        for verb, lane in self._lanes.items():
            while lane.waiting and (lane.calls == 0 or (lane.calls < MOST_CALLS and len(lane.waiting) >= FULL)):
                batch = _batch(lane.waiting)
                if verb == "start":
                    batch = [item for item in batch if not item[0].finished]
                if batch:
                    lane.calls += 1
                    task = asyncio.create_task(self._deliver(verb, lane, batch))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)

    async def drain(self, seconds: float) -> int:
        """Wait until everything is acknowledged, at most so long; how many calls were then given up."""
        self.pump()
        try:
            async with asyncio.timeout(seconds):
                while self._tasks:
                    await asyncio.wait(self._tasks)
                    self.pump()
        except TimeoutError:
            for task in self._tasks:
                task.cancel()
        return len(self._tasks)

    async def _deliver(self, verb: str, lane: Lane, batch: list[Item]) -> None:
        try:
            await self._report(verb, batch)
        finally:
            lane.calls -= 1
            self.pump()

    async def _report(self, verb: str, batch: list[Item]) -> None:
        failures = 0
        while True:
            try:
                answer = await self._send(leases.encoded(verb, [outcome.body for _, outcome in batch], Verdicts))
                if len(answer.results) != len(batch):
                    raise BadReply(f"{len(batch)} reports got {len(answer.results)} results")
                break
            except RunyardError as error:
                if not passes(error):
                    await self._refused(verb, batch, error)
                    return
                log.warning("worker.report_delayed verb=%s reports=%d error=%s", verb, len(batch), error)
                await asyncio.sleep(pause(self._patience, error, failures))
                failures += 1
        for (held, outcome), verdict in zip(batch, answer.results, strict=True):
            self._judge(held, outcome, verdict)

    async def _refused(self, verb: str, batch: list[Item], error: RunyardError) -> None:
        # One bad report has the whole batch refused: find it, so that the others get through.
        if len(batch) > 1:
            half = len(batch) // 2
            await self._report(verb, batch[:half])
            await self._report(verb, batch[half:])
        else:
            self._unfit(*batch[0], str(error))

    def _judge(self, held: Held, outcome: Outcome, verdict: Verdict) -> None:
        if verdict.error is not None and verdict.error.code in UNFIT:
            self._unfit(held, outcome, verdict.error.detail)
        else:
            self._settled(held, outcome, verdict)

    def _unfit(self, held: Held, outcome: Outcome, detail: str) -> None:
        log.error("worker.report_refused run=%s verb=%s detail=%s", held.run_id, outcome.verb, detail)
        if outcome.verb in outcomes.REFUSED:
            self.add(held, outcomes.refused(outcome.verb, held.run_id, held.token, detail, started_at=held.started_at))
        else:
            self._settled(held, outcome, None)


def _batch(waiting: deque[Item]) -> list[Item]:
    batch: list[Item] = []
    size = 0
    while waiting and len(batch) < MOST_REPORTS:
        size += len(waiting[0][1].body)
        if batch and size > MOST_BYTES:
            break
        batch.append(waiting.popleft())
    return batch
