"""What a server costs that nobody asks anything, and how soon a new one answers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import median

import psutil

from bench.bench import Bench
from bench.figures import Figure
from bench.servers import Server, serve

STARTS = 3
SETTLE_SECONDS = 3.0


def measure(bench: Bench) -> Iterator[Figure]:
    """Memory, processor and start."""
    seconds = 5.0 if bench.quick else 20.0
    starts = []
    for _ in range(STARTS):
        with bench.database() as database, serve(database) as server:
            starts.append(server.ready_seconds)
    with bench.database() as database, serve(database) as server:
        memory, busy = _watch(server, seconds)
    with bench.database() as database, serve(database, agents=True) as server:
        with_agents, busy_with_agents = _watch(server, seconds)
    engine = bench.engine
    yield Figure(bench="idle", engine=engine, what="start to ready, first start", value=median(starts), unit="s", bar=3)
    yield Figure(
        bench="idle", engine=engine, what="resident memory", value=memory, unit="MB", bar=150,
        note=f"{with_agents:.0f} MB with the built-in agents' process",
    )  # fmt: skip
    yield Figure(
        bench="idle", engine=engine, what=f"processor over {seconds:.0f} s", value=busy, unit="% of a core", bar=1,
        note=f"{busy_with_agents:.2f} % with the built-in agents' process",
    )  # fmt: skip


def _watch(server: Server, seconds: float) -> tuple[float, float]:
    """Megabytes of the server and its children, and their share of a core in percent."""
    time.sleep(SETTLE_SECONDS)
    main = psutil.Process(server.process.pid)
    family = [main, *main.children(recursive=True)]
    before = sum(map(_spent, family))
    time.sleep(seconds)
    busy = (sum(map(_spent, family)) - before) / seconds * 100
    return sum(one.memory_info().rss for one in family) / 1e6, busy


def _spent(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
