"""What one caller notices while another acts upon ten thousand runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator

from bench import fill, http
from bench.bench import Bench
from bench.databases import Database
from bench.figures import Figure, percentile
from bench.lists import COMMON, MOUNT, ended
from bench.servers import Server, serve

BAR = 100.0
Act = Callable[[http.Connection], Awaitable[int]]


def measure(bench: Bench) -> Iterator[Figure]:
    """The longest time that a caller who makes and reads single runs waits meanwhile."""
    count = 2_000 if bench.quick else 10_000
    with bench.database() as database:
        _load(bench, database, count)
        with serve(database) as server:
            taken = bench.run(_act(server, count))
    for what, (seconds, acted, waits) in taken.items():
        yield Figure(
            bench="bulk",
            engine=bench.engine,
            what=f"longest wait of another caller, {what}",
            value=max(waits) * 1e3,
            unit="ms",
            bar=BAR,
            note=f"{acted:,} runs in {seconds:.1f} s; {len(waits)} calls, p99 {percentile(waits, 0.99) * 1e3:.1f} ms",
        )


def _load(bench: Bench, database: Database, count: int) -> None:
    with serve(database) as server:
        first, second, dead, failed = bench.run(_originals(server))
    fill.multiply(database, {first: count, second: count, dead: 2 * count, failed: count})


async def _originals(server: Server) -> tuple[str, str, str, str]:
    connection = await http.connect(server)
    policy = {"retry": {"dead_letter": False}}
    await connection.send(http.request("POST", "/jobs", {"name": "many"}), expect=201)
    await connection.send(http.request("POST", "/jobs", {"name": "ends", **policy}), expect=201)
    dead = await ended(connection, COMMON, kind="server")
    failed = await ended(connection, COMMON | {"job": "ends"}, kind="server")
    made = []
    for tag in ("first", "second"):
        run = COMMON | {"tags": {"batch": tag}}
        made.append(str((await connection.json(http.request("POST", "/runs", run), expect=201))["id"]))
    connection.close()
    return made[0], made[1], dead, failed


async def _act(server: Server, count: int) -> dict[str, tuple[float, int, list[float]]]:
    acts: dict[str, Act] = {
        "bulk action: cancel": lambda one: _background(one, "cancel", {"tag": "batch:first"}),
        "bulk-cancel-all": _cancel_all,
        "bulk-dlq-replay of 500": lambda one: _requeue(one, count),
        "bulk action: requeue": lambda one: _background(one, "requeue", {"state": "dead_letter"}),
        "bulk-replay of 100": lambda one: _replay(one, count),
        "bulk-cancel of 100": lambda one: _cancel(one, count),
    }
    return {what: await _meanwhile(server, act) for what, act in acts.items()}


async def _meanwhile(server: Server, act: Act) -> tuple[float, int, list[float]]:
    """How long the act takes, how many runs it acted upon, and how long another caller's calls took meanwhile."""
    actor, caller = await http.connect(server), await http.connect(server)
    make = http.request("POST", "/runs", {"queue": "elsewhere"})
    waits: list[float] = []

    async def call() -> None:
        while True:
            began = time.perf_counter()
            made = await caller.json(make, expect=201)
            waits.append(time.perf_counter() - began)
            began = time.perf_counter()
            await caller.send(http.request("GET", f"/runs/{made['id']}"))
            waits.append(time.perf_counter() - began)
            await asyncio.sleep(0.002)

    calling = asyncio.create_task(call())
    await asyncio.sleep(0.1)
    began = time.perf_counter()
    acted = await act(actor)
    seconds = time.perf_counter() - began
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)
    actor.close()
    caller.close()
    return seconds, acted, waits


async def _background(actor: http.Connection, action: str, chosen: dict[str, str]) -> int:
    asked = http.request("POST", "/bulk", {"action": action, "filter": chosen})
    bulk = await actor.json(asked, expect=202)
    while bulk["state"] != "finished":
        await asyncio.sleep(0.05)
        bulk = await actor.json(http.request("GET", f"/bulk/{bulk['id']}"))
    return int(bulk["done"])


async def _cancel_all(actor: http.Connection) -> int:
    body = {"triggered_by": "manual", "status": "queued"}
    return int((await actor.json(http.request("POST", "/runs/bulk-cancel-all", body, mount=MOUNT)))["canceled"])


async def _requeue(actor: http.Connection, count: int) -> int:
    body = {"project_id": "default", "limit": 500}
    message = http.request("POST", "/runs/bulk-dlq-replay", body, mount=MOUNT)
    done = 0
    while done < count:
        done += int((await actor.json(message))["count"])
    return done


async def _replay(actor: http.Connection, count: int) -> int:
    done = 0
    for ids in await _pages(actor, "/runs?state=failed", count):
        done += len(await actor.json(http.request("POST", "/runs/bulk-replay", {"run_ids": ids}, mount=MOUNT)))
    return done


async def _cancel(actor: http.Connection, count: int) -> int:
    done = 0
    for ids in await _pages(actor, "/runs?state=queued&job=ends", count):
        answer = await actor.json(http.request("POST", "/runs/bulk-cancel", {"run_ids": ids}, mount=MOUNT))
        done += int(answer["canceled"])
    return done


async def _pages(actor: http.Connection, path: str, count: int) -> list[list[str]]:
    pages: list[list[str]] = []
    cursor = ""
    while len(pages) * 100 < count:
        page = await actor.json(http.request("GET", f"{path}&limit=100{cursor}"))
        pages.append([run["id"] for run in page["data"]])
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    return pages
