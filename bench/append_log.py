"""Logs of coding runs: 100 entries a call from several agents, and how soon a follower has an entry."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial

from bench import http
from bench.bench import Bench
from bench.databases import Database
from bench.figures import Figure, percentile
from bench.servers import Server, serve
from runyard.app.stores import open_store, wall_clock
from runyard.domain.actors import Actor, Doer, Origin
from runyard.engine import projects
from runyard.engine.coding import runs, tasks
from runyard.engine.coding.runs import NewCodingRun
from runyard.engine.coding.tasks import NewCodingTask
from runyard.settings import Settings

AGENTS = 32
ENTRIES = 100
BAR, P50_MS, P99_MS = 300.0, 50.0, 150.0
A_SECOND = 10
MOUNT = "/posthog/api/projects/1"
PERSON = Doer(Actor("human", "bench"), Origin("http", "tasks.create"))
COUNT = "SELECT COUNT(*) FROM logs"


def measure(bench: Bench) -> Iterator[Figure]:
    """Calls a second, and the wait of a follower at a quiet rate."""
    calls, laps = (500, 50) if bench.quick else (4_000, 300)
    with bench.database() as database:
        paths = fill(database, AGENTS)
        with serve(database) as server:
            waits = bench.run(_waits(server, paths[0], laps))
            rate = bench.run(_rate(server, paths, calls))
        ((kept,),) = database.execute(COUNT)
        assert kept == calls * ENTRIES + laps, f"{kept} lines are kept"
    engine, what = bench.engine, f"{ENTRIES} entries a call, {AGENTS} agents"
    bar = BAR if engine == "sqlite" else None
    yield Figure(bench="append-log", engine=engine, what=what, value=rate, unit="calls/s", bar=bar, better="more")
    for share, bar in ((0.5, P50_MS), (0.99, P99_MS)):
        what = f"appended to followed, {A_SECOND}/s, p{share * 100:.0f}"
        value = percentile(waits, share) * 1e3
        yield Figure(bench="append-log", engine=engine, what=what, value=value, unit="ms", bar=bar)


def fill(database: Database, count: int) -> list[str]:
    """The paths of so many coding runs; no server may be on the database."""
    settings = Settings(data=database.folder, database=database.dsn)
    with closing(open_store(settings, clock=wall_clock)) as store:
        store.transact(projects.ensure_default)
        found = []
        for _ in range(count):
            task = store.transact(tasks.create, 1, NewCodingTask(title="bench"), PERSON).row.task_id
            run = store.transact(runs.create, 1, task, NewCodingRun(sandboxed=False), PERSON).run.id
            found.append(f"/tasks/{task}/runs/{run}")
        return found


def _entry(mark: str) -> dict[str, object]:
    """An entry as an agent writes it: a tool call that goes on."""
    update = {
        "sessionUpdate": "tool_call_update",
        "toolCallId": "toolu_01ABCDEFGHJKMNPQRSTVWXYZ",
        "status": "in_progress",
        "content": [{"type": "content", "content": {"type": "text", "text": f"line of output {mark}"}}],
    }
    params = {"sessionId": "01900000-0000-7000-8000-000000000001", "update": update}
    return {
        "type": "notification",
        "timestamp": "2026-01-01T12:00:00.123Z",
        "event_id": "01900000-0000-7000-8000-000000000002",
        "notification": {"jsonrpc": "2.0", "method": "session/update", "params": params},
    }


def _message(path: str, *marks: str) -> bytes:
    body = {"entries": [_entry(mark) for mark in marks]}
    return http.request("POST", f"{path}/append_log/", body, mount=MOUNT)


async def _rate(server: Server, paths: list[str], calls: int) -> float:
    """Calls a second; each agent sends its next when the one before it was answered."""
    marks = [f"{n:05d}" for n in range(ENTRIES)]
    messages = [_message(path, *marks) for path in paths]
    lines = [await http.connect(server) for _ in paths]
    left = iter(range(calls))

    async def work(connection: http.Connection, message: bytes) -> None:
        for _ in left:
            await connection.send(message)

    began = time.perf_counter()
    await asyncio.gather(*map(work, lines, messages))
    taken = time.perf_counter() - began
    for connection in lines:
        connection.close()
    return calls / taken


async def _waits(server: Server, path: str, laps: int) -> list[float]:
    """Seconds from sending an entry until a follower of the run has it."""
    connection = await http.connect(server)
    heard: list[float] = []
    hear = partial(_note, heard)
    listener = await http.listen(server, f"{path}/stream/", hear, mount=MOUNT)
    await listener.opened
    await asyncio.sleep(1)
    waits = []
    for lap in range(laps):
        heard.clear()
        mark = f"lap-{lap}-end"
        listener.mark = mark.encode()
        began = time.perf_counter()
        await connection.send(_message(path, mark))
        while not heard:
            assert time.perf_counter() < began + 30, "the entry was not heard"
            await asyncio.sleep(0.001)
        waits.append(heard[0] - began)
        await asyncio.sleep(1 / A_SECOND)
    assert not listener.is_closed, "the follower was dropped"
    connection.close()
    listener.close()
    return waits


def _note(heard: list[float]) -> None:
    heard.append(time.perf_counter())
