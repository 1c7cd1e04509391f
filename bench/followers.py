"""A thousand followers of event streams, and how soon a lone event has reached whom it concerns."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from functools import partial

from bench import http
from bench.bench import Bench
from bench.figures import Figure, percentile
from bench.servers import Server, serve

FOLLOWERS = 1000
BAR_MS = 100.0
SILENCE_SECONDS = 0.1
SETTLE_SECONDS = 3.0
GIVE_UP_SECONDS = 30.0
AT_A_TIME = 50


def measure(bench: Bench) -> Iterator[Figure]:
    """Both ways to have a thousand followers."""
    few = 10 if bench.quick else 40
    # A round on one run gives a thousand times, on a run of its own just one.
    for what, runs, rounds in (("on one run", 1, few), ("on a run each", FOLLOWERS, few * 5)):
        with bench.database() as database, serve(database) as server:
            times = bench.run(_times(server, runs, rounds))
        yield Figure(
            bench="followers",
            engine=bench.engine,
            what=f"lone event, {FOLLOWERS:,} followers {what}, p99",
            value=percentile(times, 0.99) * 1e3,
            unit="ms",
            bar=BAR_MS,
            note=f"p50 {percentile(times, 0.5) * 1e3:.1f} ms",
        )


async def _times(server: Server, runs: int, rounds: int) -> list[float]:
    """Seconds from asking for a log line to its arrival, for each follower of its run."""
    connection = await http.connect(server)
    ids = [await _made(connection) for _ in range(runs)]
    heard: list[float] = []
    hear = partial(_note, heard)
    listeners: list[http.Listener] = []
    for first in range(0, FOLLOWERS, AT_A_TIME):
        paths = [f"/runs/{ids[number % runs]}/stream" for number in range(first, first + AT_A_TIME)]
        listeners += await asyncio.gather(*(http.listen(server, path, hear) for path in paths))
    await asyncio.gather(*(listener.opened for listener in listeners))
    await asyncio.sleep(SETTLE_SECONDS)
    times: list[float] = []
    for turn in range(rounds):
        await asyncio.sleep(SILENCE_SECONDS)
        place = turn * 37 % runs
        times += await _round(connection, ids[place], listeners[place::runs], heard, f"lone-{turn}-event")
    assert not any(listener.is_closed for listener in listeners), "a follower was dropped"
    connection.close()
    for listener in listeners:
        listener.close()
    return times


def _note(heard: list[float]) -> None:
    heard.append(time.perf_counter())


async def _made(connection: http.Connection) -> str:
    made = await connection.json(http.request("POST", "/runs", {"payload": None}), expect=201)
    return str(made["id"])


async def _round(
    connection: http.Connection, run: str, listeners: Sequence[http.Listener], heard: list[float], mark: str
) -> list[float]:
    heard.clear()
    for listener in listeners:
        listener.mark = mark.encode()
    began = time.perf_counter()
    line = {"entries": [{"level": "info", "message": mark}]}
    await connection.send(http.request("POST", f"/runs/{run}/logs", line), expect=201)
    while len(heard) < len(listeners):
        assert time.perf_counter() < began + GIVE_UP_SECONDS, f"only {len(heard)} of {len(listeners)} heard"
        await asyncio.sleep(0.005)
    return [moment - began for moment in heard]
