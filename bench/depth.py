"""Whether a claim and a list page cost the same however many runs there are."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from bench import fill, http
from bench.bench import Bench
from bench.databases import Database
from bench.figures import Figure, percentile
from bench.servers import Server, serve

BAR = 1.5
RUN = {"payload": {"n": 1}, "job": "deep", "tags": {"kind": "bench"}}
WARM, MEASURED = 30, 200
PAGES = {
    "list page": "/runs",
    "list page, state=completed": "/runs?state=completed",
    "list page, job=deep": "/runs?job=deep",
    "list page, tag=kind:bench": "/runs?tag=kind:bench",
}


def measure(bench: Bench) -> Iterator[Figure]:
    """How many times as long each takes at the median in a deep database as in a shallow one."""
    queued, finished = (100_000, 300_000) if bench.quick else (1_000_000, 3_000_000)
    with bench.database() as one, bench.database() as other:
        _load(bench, one, 1_000, 3_000)
        began = time.perf_counter()
        _load(bench, other, queued, finished)
        loading = time.perf_counter() - began
        with serve(one) as shallow, serve(other) as deep:
            taken = bench.run(_ask(shallow, deep))
    for what, (before, after) in taken.items():
        yield Figure(
            bench="depth",
            engine=bench.engine,
            what=f"{what}, {queued // 1000:,}k + {finished // 1000:,}k runs",
            value=after / before,
            unit="times",
            bar=BAR,
            note=f"p50 {before * 1e3:.2f} ms with 1k + 3k, {after * 1e3:.2f} ms deep; loaded in {loading:.0f} s",
        )


def _load(bench: Bench, database: Database, queued: int, finished: int) -> None:
    with serve(database) as server:
        ended, waiting = bench.run(_originals(server))
    fill.multiply(database, {ended: finished - 1, waiting: queued - 1})


async def _originals(server: Server) -> tuple[str, str]:
    """The ids of a run that was completed and of one that waits, both made over HTTP."""
    connection = await http.connect(server)
    await connection.send(http.request("POST", "/jobs", {"name": "deep"}), expect=201)
    ended = (await connection.json(http.request("POST", "/runs", RUN), expect=201))["id"]
    claim = await connection.json(http.request("POST", "/runs/claim", {"limit": 1}))
    report = {"run_id": ended, "token": claim["claims"][0]["lease"]["token"], "output": {"ok": True}}
    await connection.send(http.request("POST", "/runs/complete", {"reports": [report]}))
    waiting = (await connection.json(http.request("POST", "/runs", RUN), expect=201))["id"]
    connection.close()
    return ended, waiting


async def _ask(*servers: Server) -> dict[str, list[float]]:
    """Seconds at the median for each server, by what was asked."""
    connections = [await http.connect(server) for server in servers]
    claim = http.request("POST", "/runs/claim", {"limit": 1})
    taken = {"claim": await _medians(connections, claim, "claims", 1)}
    for what, path in PAGES.items():
        taken[what] = await _medians(connections, http.request("GET", path), "data", 50)
    for connection in connections:
        connection.close()
    return taken


async def _medians(connections: Sequence[http.Connection], message: bytes, field: str, size: int) -> list[float]:
    # In turns, so that whatever else the machine does befalls both alike.
    times: list[list[float]] = [[] for _ in connections]
    for _ in range(WARM + MEASURED):
        for connection, own in zip(connections, times, strict=True):
            began = time.perf_counter()
            answer = await connection.json(message)
            own.append(time.perf_counter() - began)
            assert len(answer[field]) == size, f"{size} expected, {len(answer[field])} answered"
    return [percentile(own[WARM:], 0.5) for own in times]
