"""Programs that a server runs under leases: their leases are kept, and what they use is looked at."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Generic, Literal, TypeVar

import structlog

from runyard.domain.errors import DomainError, Unavailable
from runyard.domain.records import Lease, Run
from runyard.engine import leases, resources
from runyard.engine.claims import Granted
from runyard.engine.leases import Heartbeat, Reported
from runyard.engine.proofs import token_hash
from runyard.engine.resources import NewSample
from runyard.sandbox import gauge
from runyard.sandbox.launch import Running
from runyard.sandbox.limits import MIB, Limits
from runyard.storage.port import Store, Tx
from runyard.storage.statements import fences
from runyard.storage.statements.fences import Fenced
from runyard.streams.hub import Hub

log = structlog.get_logger("runyard.programs")

LOOK_SECONDS = 5.0
"""How often it is looked what became of a run though nothing was heard of it."""
BEAT_SECONDS = 10.0
WATCH_SECONDS = 0.5
SAMPLE_SECONDS = 10.0
MORE_PROCESSES = 2
"""Beyond this many times its limit of processes a program is taken for a fork bomb that the limit did not hold."""


S = TypeVar("S", bound=str)
"""Why or how a program is to end."""


class Held(Generic[S]):
    """A run that a server holds, its lease, and what is known of its program."""

    def __init__(self, granted: Granted) -> None:
        self.run: Run = granted.run
        self.lease: Lease = granted.lease
        self.until = granted.lease.until
        self.running: Running | None = None
        self.stop: S | None = None
        self.stopping = asyncio.Event()
        self.excess: Literal["memory", "processes"] | None = None
        """Of what its program had more than it may, for which it was ended."""
        self.measured: gauge.Measure | None = None
        self.measured_at = 0.0
        self.sample_due = 0.0

    @property
    def key(self) -> tuple[str, int]:
        """Names this holding among all: a run can come back while its last program is still ending."""
        return self.run.id, self.run.epoch

    def let_go(self, stop: S) -> None:
        """Have the program ended; the first reason counts."""
        if self.stop is None:
            self.stop = stop
            self.stopping.set()

    def is_proved_by(self, standing: Fenced | None) -> bool:
        """Whether the run is still held under this lease."""
        return standing is not None and standing.lease_hash == token_hash(self.lease.token)

    def judge(self, standing: Fenced | None) -> None:
        """Have the program ended when the run is no longer ours."""
        raise NotImplementedError


H = TypeVar("H", bound=Held[Any])


async def heed(store: Store, hub: Hub, held: Held[S], lost: S) -> None:
    """Hear of what others decide about the run, and notice when its lease has run out."""
    with hub.waiter([f"run:{held.run.id}"]) as waiter:
        while held.stop is None:
            await waiter.wait(LOOK_SECONDS)
            # Its own log wakes it as well; so it is looked at a few times a second at most.
            await asyncio.sleep(0.1)
            waiter.reset()
            with contextlib.suppress(Unavailable):
                held.judge(await store.read(_standing, held.run.id))
            if held.until <= store.now():
                held.let_go(lost)


def _standing(tx: Tx, run_id: str) -> Fenced | None:
    return fences.get(tx, [run_id]).get(run_id)


async def keep(store: Store, held: Sequence[H], *, lease: int) -> list[tuple[H, DomainError]]:
    """Keep the leases for so many microseconds; those that are lost, and why."""
    reports = [
        Heartbeat(project_id=one.run.project_id, run_id=one.run.id, token=one.lease.token, lease=lease) for one in held
    ]
    outcomes = await store.write(leases.heartbeat, reports) if reports else []
    lost = []
    for one, outcome in zip(held, outcomes, strict=True):
        if isinstance(outcome, Reported):
            one.until = outcome.run.lease_until or one.until
        elif isinstance(outcome, DomainError):
            lost.append((one, outcome))
    return lost


async def look(store: Store, started: Sequence[tuple[Held[Any], Limits]]) -> None:
    """Look at programs that were started: end those that hold too much, and note what is used when that is due."""
    if not started:
        return
    processes = await asyncio.to_thread(gauge.look)
    now = time.monotonic()
    samples = [sample for held, limits in started if (sample := _measured(held, limits, processes, now)) is not None]
    if samples:
        await store.write(resources.add, samples)


def _measured(held: Held[Any], limits: Limits, processes: dict[int, gauge.Seen], now: float) -> NewSample | None:
    assert held.running is not None
    measure = gauge.measure(processes, held.running.members(processes), closely_above=limits.memory)
    if measure.memory > limits.memory:
        held.excess = "memory"
    elif measure.processes > MORE_PROCESSES * limits.processes:
        held.excess = "processes"
    if held.excess is not None:
        held.running.kill()
    before, held.measured = held.measured, measure
    elapsed, held.measured_at = now - held.measured_at, now
    if now < held.sample_due or before is None:
        return None
    held.sample_due = now + SAMPLE_SECONDS
    return NewSample(
        run_id=held.run.id,
        cpu_percent=round(max(measure.cpu_seconds - before.cpu_seconds, 0) / elapsed * 100, 1),
        memory_mb=round(measure.memory / MIB, 1),
        memory_limit_mb=limits.memory / MIB,
    )


class Keeper(Generic[H]):
    """Everything that one executor of this server holds: lives begun, leases kept, programs looked at, all ended."""

    def __init__(self, store: Store, name: str, *, lease: float) -> None:
        self.store = store
        self.name = name
        self.lease = int(lease * 1_000_000)
        self.held: dict[tuple[str, int], H] = {}
        self.closed = False
        self._beat = min(BEAT_SECONDS, lease / 3)
        self._beat_due = 0.0
        self._lives: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._busy = asyncio.Event()

    def take(self, held: H, life: Callable[[H], Coroutine[Any, Any, None]]) -> None:
        """Begin the life of a run; what is left of an earlier one of the same run is ended."""
        for other in self.held.values():
            if other.run.id == held.run.id and other.running is not None:
                # The run came back before its last program was gone, which must not go on beside the next.
                other.running.kill()
        self.held[held.key] = held
        self._busy.set()
        self._lives[held.key] = asyncio.create_task(self._lived(held, life), name=f"{self.name}-{held.run.id}")

    async def _lived(self, held: H, life: Callable[[H], Coroutine[Any, Any, None]]) -> None:
        try:
            await life(held)
        except Exception:
            log.exception("program.failed", executor=self.name, run=held.run.id)
        finally:
            del self.held[held.key], self._lives[held.key]

    async def watch_once(self, limits: Callable[[H], Limits | None]) -> float | None:
        """Keep the leases, and look at what the programs use that have limits yet."""
        if not self.held:
            self._busy.clear()
            return None
        if time.monotonic() >= self._beat_due:
            self._beat_due = time.monotonic() + self._beat
            kept = [held for held in self.held.values() if held.stop in {None, "server"}]
            for held, error in await keep(self.store, kept, lease=self.lease):
                log.info("program.lost", executor=self.name, run=held.run.id, detail=error.detail)
        bound = [(held, limits(held)) for held in self.held.values() if held.running is not None]
        await look(self.store, [(held, most) for held, most in bound if most is not None])
        return WATCH_SECONDS

    async def rest(self, seconds: float) -> None:
        """Wait between two looks, or as long as nothing is held."""
        if self.held:
            await asyncio.sleep(seconds)
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._busy.wait(), seconds)

    async def stop(self, *, grace: float) -> None:
        """Take no more; ask every program to end, make it when it does not, and give its run back."""
        self.closed = True
        for held in self.held.values():
            held.let_go("server")
        lives = list(self._lives.values())
        if lives:
            _, slow = await asyncio.wait(lives, timeout=grace + 5)
            for task in slow:
                task.cancel()
            await asyncio.gather(*slow, return_exceptions=True)
