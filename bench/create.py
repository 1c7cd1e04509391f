"""Making runs over HTTP: a hundred a call, one a call, and how soon a waiting executor has one."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator

from bench import http
from bench.bench import Bench
from bench.figures import Figure, percentile
from bench.servers import Server, serve

RUN = {"payload": {"n": 1}}
A_SECOND = 20


def measure(bench: Bench) -> Iterator[Figure]:
    """The three figures, on one server."""
    many, single, laps = (5_000, 2_000, 60) if bench.quick else (40_000, 15_000, 400)
    raw = bench.raw().inserts
    with bench.database() as database, serve(database) as server:
        waits = bench.run(_latencies(server, laps))
        bulk = bench.run(_rate(server, many // 100, connections=4, size=100)) * 100
        alone = bench.run(_rate(server, single, connections=32, size=1))
    engine = bench.engine
    yield Figure(
        bench="create", engine=engine, what="100 a call, 4 connections", value=bulk, unit="runs/s",
        bar=15_000, better="more", raw=raw,
    )  # fmt: skip
    yield Figure(
        bench="create", engine=engine, what="1 a call, 32 connections", value=alone, unit="runs/s",
        bar=2_500, better="more", raw=raw,
    )  # fmt: skip
    what = f"create to claimed, {A_SECOND}/s"
    yield Figure(
        bench="create", engine=engine, what=f"{what}, p50", value=percentile(waits, 0.5) * 1e3, unit="ms", bar=5
    )
    yield Figure(
        bench="create", engine=engine, what=f"{what}, p99", value=percentile(waits, 0.99) * 1e3, unit="ms", bar=20
    )


async def _rate(server: Server, calls: int, *, connections: int, size: int) -> float:
    """Calls a second."""
    body = {"runs": [RUN] * size} if size > 1 else RUN
    message = http.request("POST", "/runs", body)
    lines = [await http.connect(server) for _ in range(connections)]
    left = iter(range(calls))

    async def work(connection: http.Connection) -> None:
        for _ in left:
            await connection.send(message, expect=201)

    began = time.perf_counter()
    await asyncio.gather(*map(work, lines))
    taken = time.perf_counter() - began
    for connection in lines:
        connection.close()
    return calls / taken


async def _latencies(server: Server, laps: int) -> list[float]:
    """Seconds from asking for a run until an executor that had nothing to do holds it."""
    maker, taker, reporter = [await http.connect(server) for _ in range(3)]
    create = http.request("POST", "/runs", RUN)
    claim = http.request("POST", "/runs/claim", {"limit": 1, "wait_seconds": 30})
    waits: list[float] = []
    for _ in range(laps):
        claiming = asyncio.ensure_future(taker.send(claim))
        await asyncio.sleep(1 / A_SECOND)
        began = time.perf_counter()
        making = asyncio.ensure_future(maker.send(create, expect=201))
        granted = json.loads(await claiming)["claims"][0]
        waits.append(time.perf_counter() - began)
        await making
        report = {"run_id": granted["run"]["id"], "token": granted["lease"]["token"], "output": None}
        await reporter.send(http.request("POST", "/runs/complete", {"reports": [report]}))
    for connection in (maker, taker, reporter):
        connection.close()
    return waits
