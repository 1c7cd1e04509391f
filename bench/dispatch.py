"""Runs posted to an endpoint on this machine that does nothing, alone and beside two hundred slow ones."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bench import crew, http
from bench.bench import Bench
from bench.figures import Figure, percentile
from bench.servers import Server, serve

BAR = 800.0
SLOW = 200
PACE = 100
"""Runs a second of a fast job that leaves the server time to spare."""
SETTINGS = {"RUNYARD_ALLOW_PRIVATE_ENDPOINTS": "1", "RUNYARD_ENDPOINT_PORTS": "*"}
# By the job's id, which has an index: beside thousands of other runs a look must not cost more than it does alone.
LEFT = """SELECT EXISTS (SELECT 1 FROM runs WHERE finished_at IS NULL
    AND job_id = (SELECT id FROM jobs WHERE name = '#'))"""
TIMES = "SELECT (finished_at - created_at) / 1000.0 FROM runs WHERE job_name = 'paced'"
TRACES = "SELECT trace FROM runs WHERE job_name = 'fast'"


def measure(bench: Bench) -> Iterator[Figure]:
    """Runs a second, from the first being asked for to the last completion that can be seen in the database."""
    count = 2_000 if bench.quick else 10_000
    raw = bench.raw().drains
    with _endpoint() as url:
        with bench.database() as database, serve(database, settings=SETTINGS) as server:
            alone = _rate(bench, server, database.execute, url, count)
            calm = _paced(bench, server, database.execute, url)
            traces = [json.loads(text) for (text,) in database.execute(TRACES)]
        with bench.database() as database, serve(database, settings=SETTINGS) as server:
            bench.run(_slow(server, url))
            beside = _paced(bench, server, database.execute, url)
            crowded = _rate(bench, server, database.execute, url, count // 2)
    off = sum(_adds_up(trace) is False for trace in traces)
    assert off == 0, f"{off} traces do not add up"
    engine = bench.engine
    yield Figure(
        bench="dispatch", engine=engine, what=f"{count:,} no-op runs, asked for and dispatched", value=alone,
        unit="runs/s", bar=BAR, better="more", raw=raw,
        note=f"ttfb p50 {percentile([trace['ttfb_ms'] for trace in traces], 0.5)} ms",
    )  # fmt: skip
    yield Figure(
        bench="dispatch", engine=engine, what=f"the same beside {SLOW} endpoints that take 5 s", value=crowded,
        unit="runs/s", bar=BAR / 2, better="more",
        note="against the figure above: " + f"{crowded / alone:.2f}",
    )  # fmt: skip
    for part, name in ((0.5, "p50"), (0.99, "p99")):
        yield Figure(
            bench="dispatch", engine=engine, what=f"{PACE} runs/s beside them, asked for to completed, {name}",
            value=percentile(beside, part), unit="ms", better="less",
            note=f"without them {percentile(calm, part):.1f} ms",
        )  # fmt: skip


def _rate(bench: Bench, server: Server, execute: Bench.Execute, url: str, count: int) -> float:
    bench.run(_job(server, "fast", f"{url}/fast"))
    began = time.time()
    bench.run(_ask(server, "fast", count))
    ended = crew.wait_until(lambda: not execute(LEFT.replace("#", "fast"))[0][0])
    done = "SELECT COUNT(*) FROM runs WHERE job_name = 'fast' AND state = 'completed' AND attempt = 1"
    assert execute(done) == [(count,)], "not every run is completed at its first attempt"
    return count / (ended - began)


def _paced(bench: Bench, server: Server, execute: Bench.Execute, url: str) -> list[float]:
    """Milliseconds from asked for to completed of runs that come one by one at an even pace."""
    bench.run(_job(server, "paced", f"{url}/paced"))
    bench.run(_ask_evenly(server, "paced", PACE * (5 if bench.quick else 15)))
    crew.wait_until(lambda: not execute(LEFT.replace("#", "paced"))[0][0])
    return [float(row[0]) for row in execute(TIMES)]


async def _ask_evenly(server: Server, job: str, count: int) -> None:
    connection = await http.connect(server)
    message = http.request("POST", "/runs", {"runs": [{"payload": {"n": 1}, "job": job}]})
    began = time.monotonic()
    for number in range(count):
        await asyncio.sleep(max(0.0, began + number / PACE - time.monotonic()))
        await connection.send(message, expect=201)
    connection.close()


async def _slow(server: Server, url: str) -> None:
    """Jobs whose endpoints are slow, each with a queue."""
    for number in range(SLOW):
        await _job(server, f"slow-{number}", f"{url}/slow/{number}")
        await _ask(server, f"slow-{number}", 50)


async def _job(server: Server, name: str, url: str) -> None:
    connection = await http.connect(server)
    body = {"name": name, "slug": name, "project_id": "default", "endpoint_url": url}
    await connection.send(http.request("POST", "/jobs", body, mount="/strait/v1"), expect=201)
    connection.close()


async def _ask(server: Server, job: str, count: int, size: int = 50) -> None:
    connection = await http.connect(server)
    message = http.request("POST", "/runs", {"runs": [{"payload": {"n": 1}, "job": job}] * size})
    for _ in range(count // size):
        await connection.send(message, expect=201)
    connection.close()


def _adds_up(trace: dict[str, Any]) -> bool:
    parts = trace["connect_ms"] + trace["ttfb_ms"] + trace["transfer_ms"]
    return bool(trace["dispatch_ms"] == parts <= trace["total_ms"])


@contextmanager
def _endpoint() -> Iterator[str]:
    command = [sys.executable, "-m", "bench.endpoint"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        port = process.stdout.readline().split()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
