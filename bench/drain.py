"""Runs that do nothing, queued in advance, drained by two worker processes over HTTP."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator

from bench import crew, http
from bench.bench import Bench
from bench.figures import Figure
from bench.servers import KEY, Server, serve

BARS = {"sqlite": 5000.0, "postgres": 4500.0}
WORKERS = 2
LEFT = (
    "SELECT EXISTS (SELECT 1 FROM runs WHERE project_id = 1 AND state = 'queued') "
    "OR EXISTS (SELECT 1 FROM runs WHERE project_id = 1 AND state = 'claimed') "
    "OR EXISTS (SELECT 1 FROM runs WHERE project_id = 1 AND state = 'running')"
)


def measure(bench: Bench) -> Iterator[Figure]:
    """Runs a second, from the first claim to the last completion that can be seen in the database."""
    count = 5_000 if bench.quick else 20_000
    raw = bench.raw().drains
    with bench.database() as database, serve(database) as server:
        asyncio.run(fill(server, count))
        command = [sys.executable, "-m", "bench.worker", server.url, KEY]
        with crew.crew([command] * WORKERS, os.environ) as begin:
            begin()
            ended = crew.wait_until(lambda: not database.execute(LEFT)[0][0])
        ((began,),) = database.execute("SELECT MIN(claimed_at) FROM attempts")
        _verify(database.execute, count)
    yield Figure(
        bench="drain",
        engine=bench.engine,
        what=f"{count:,} no-op runs, {WORKERS} SDK workers",
        value=count / (ended - began / 1e6),
        unit="runs/s",
        bar=BARS[bench.engine],
        better="more",
        raw=raw,
    )


async def fill(server: Server, count: int, size: int = 100) -> None:
    """Queue so many runs."""
    connection = await http.connect(server)
    message = http.request("POST", "/runs", {"runs": [{"payload": {"n": 1}}] * size})
    for _ in range(count // size):
        await connection.send(message, expect=201)
    connection.close()


def _verify(execute: Bench.Execute, count: int) -> None:
    """Make sure that nothing was left out. Raises `AssertionError`."""
    done = "SELECT COUNT(*) FROM runs WHERE state = 'completed' AND output = '{\"ok\":true}'"
    assert execute(done) == [(count,)], "not every run is completed with its output"
    journal: dict[str, int] = dict(execute("SELECT type, COUNT(DISTINCT run_id) FROM events GROUP BY type"))
    for kind in ("run.created", "run.claimed", "run.completed"):
        assert journal.get(kind) == count, f"the journal lacks {kind}: {journal}"
