"""How long a page of runs takes among a million of them, filter by filter."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bench import fill, http
from bench.bench import Bench
from bench.databases import Database
from bench.figures import Figure, percentile
from bench.servers import Server, serve

BAR = 30.0
WARM, MEASURED = 20, 300
MOUNT = "/strait/v1"
RARE = 200
COMMON = {"job": "many", "tags": {"kind": "common"}, "payload": {"n": 1}}
PAGES = {
    "all": "/runs",
    "dead letters": "/runs/dlq",
    "status=completed": "/runs?status=completed",
    "two statuses": "/runs?statuses=queued&statuses=dead_letter",
    "common tag": "/runs?tag_key=kind&tag_value=common",
    "rare tag and common status": "/runs?tag_key=kind&tag_value=rare&status=completed",
    "triggered_by=manual": "/runs?triggered_by=manual",
    "triggered_by=cron (rare)": "/runs?triggered_by=cron",
    "error_class=server": "/runs?error_class=server",
    "error_class=oom (rare)": "/runs?error_class=oom",
    "error_class=oom, status, tag": "/runs?error_class=oom&status=dead_letter&tag_key=kind",
    "execution_mode=http": "/runs?execution_mode=http",
    "execution_mode=managed (rare)": "/runs?execution_mode=managed",
    "common payload": "/runs?payload_contains=" + quote('{"n":1}'),
    "rare payload (examines)": "/runs?payload_contains=" + quote('{"n":2}'),
    "rare metadata (examines)": "/runs?metadata_key=by&metadata_value=me",
    "no such metadata, in the dead letter": "/runs?metadata_key=nothing&status=dead_letter",
}


def measure(bench: Bench) -> Iterator[Figure]:
    """The 99th percentile of each page."""
    total = 300_000 if bench.quick else 1_000_000
    with bench.database() as database:
        _load(bench, database, total)
        with serve(database) as server:
            taken = bench.run(_ask(server))
    for what, (seconds, processor) in taken.items():
        yield Figure(
            bench="lists",
            engine=bench.engine,
            what=f"{what}, p99 among {total // 1000:,}k runs",
            value=percentile(seconds, 0.99) * 1e3,
            unit="ms",
            bar=BAR,
            note=f"p50 {percentile(seconds, 0.5) * 1e3:.2f} ms, {processor * 1e3:.2f} ms of processor time",
        )


def _load(bench: Bench, database: Database, total: int) -> None:
    with serve(database) as server:
        made = bench.run(_originals(server))
    rare, common = made["rare"], made["common"]
    cron = f"UPDATE runs SET trigger = 'cron', executor = 'managed' WHERE id = '{rare}'"
    database.execute(cron)
    # The rare ones first: they are the oldest, and the last that anybody comes to.
    shares = {rare: RARE, common: total * 6 // 10, made["dead"]: total * 2 // 10, made["queued"]: total * 2 // 10}
    fill.multiply(database, shares)


async def _originals(server: Server) -> dict[str, str]:
    """The ids of a run of each kind, made over HTTP."""
    connection = await http.connect(server)
    await connection.send(http.request("POST", "/jobs", {"name": "many"}), expect=201)
    other = {"tags": {"kind": "rare"}, "payload": {"n": 2}, "metadata": {"by": "me"}}
    made = {
        "rare": await ended(connection, COMMON | other, kind="oom"),
        "dead": await ended(connection, COMMON, kind="server"),
        "common": await ended(connection, COMMON),
        "queued": (await connection.json(http.request("POST", "/runs", COMMON), expect=201))["id"],
    }
    connection.close()
    return made


async def ended(connection: http.Connection, run: dict[str, Any], kind: str | None = None) -> str:
    """A run that was completed, or dead-lettered with an error of this kind."""
    made = (await connection.json(http.request("POST", "/runs", run), expect=201))["id"]
    claim = await connection.json(http.request("POST", "/runs/claim", {"limit": 1}))
    report = {"run_id": made, "token": claim["claims"][0]["lease"]["token"]}
    if kind is None:
        await connection.send(http.request("POST", "/runs/complete", {"reports": [report | {"output": {}}]}))
    else:
        failed = report | {"error": {"message": "it broke", "kind": kind}, "retryable": False}
        await connection.send(http.request("POST", "/runs/fail", {"reports": [failed]}))
    return str(made)


async def _ask(server: Server) -> dict[str, tuple[Sequence[float], float]]:
    """Seconds for each page, and of processor time on average, by what was asked."""
    connection = await http.connect(server)
    taken: dict[str, tuple[Sequence[float], float]] = {}
    for what, path in PAGES.items():
        message = http.request("GET", path, mount=MOUNT)
        times = []
        used = processor(server)
        for _ in range(WARM + MEASURED):
            began = time.perf_counter()
            await connection.send(message)
            times.append(time.perf_counter() - began)
        taken[what] = times[WARM:], (processor(server) - used) / len(times)
    connection.close()
    return taken


def processor(server: Server) -> float:
    """Seconds of processor time the server has used; on a busy machine they say more than the clock."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
