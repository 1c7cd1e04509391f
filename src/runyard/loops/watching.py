"""Programs that a server runs under leases: their leases are kept, and what they use is looked at."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Literal, Protocol, TypeVar

from runyard.domain.errors import DomainError
from runyard.domain.records import Lease, Run
from runyard.engine import leases, resources
from runyard.engine.leases import Heartbeat, Reported
from runyard.engine.resources import NewSample
from runyard.sandbox import gauge
from runyard.sandbox.launch import Running
from runyard.sandbox.limits import MIB, Limits
from runyard.storage.port import Store

SAMPLE_SECONDS = 10.0
MORE_PROCESSES = 2
"""Beyond this many times its limit of processes a program is taken for a fork bomb that the limit did not hold."""


class Watched(Protocol):
    """A run that a server holds, and what is known of its program."""

    run: Run
    lease: Lease
    until: int
    running: Running | None
    excess: Literal["memory", "processes"] | None
    measured: gauge.Measure | None
    measured_at: float
    sample_due: float


H = TypeVar("H", bound=Watched)


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


async def look(store: Store, started: Sequence[tuple[Watched, Limits]]) -> None:
    """Look at programs that were started: end those that hold too much, and note what is used when that is due."""
    if not started:
        return
    processes = await asyncio.to_thread(gauge.look)
    now = time.monotonic()
    samples = [sample for held, limits in started if (sample := _measured(held, limits, processes, now)) is not None]
    if samples:
        await store.write(resources.add, samples)


def _measured(held: Watched, limits: Limits, processes: dict[int, gauge.Seen], now: float) -> NewSample | None:
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
