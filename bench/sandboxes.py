"""How soon after its run was queued a sandbox is ready, and what processor time that takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import median
from typing import Any, Literal

import httpx2
import psutil

from bench.bench import Bench
from bench.databases import Database
from bench.figures import Figure
from bench.servers import KEY, Server, serve
from runyard.sandbox import sandboxes
from runyard.settings import Settings

BAR = 2.0
TASKS = "/posthog/api/projects/1/tasks/"
PATIENCE = 60.0
KINDS: tuple[Literal["auto", "none"], ...] = ("auto", "none")


def measure(bench: Bench) -> Iterator[Figure]:
    """Seconds from queued to ready, shut in and not."""
    laps = 3 if bench.quick else 10
    for kind in KINDS:
        if sandboxes(Settings(sandbox_isolation=kind)) is not None:
            continue
        with bench.database() as database:
            waits, spent = _waits(database, kind, laps)
        what = f"queued to ready, {'bubblewrap' if kind == 'auto' else 'not shut in'}"
        note = f"{median(spent):.2f} s of processor in the sandbox"
        yield Figure(
            bench="sandboxes", engine=bench.engine, what=what, value=median(waits), unit="s", bar=BAR, note=note
        )


def _waits(database: Database, kind: str, laps: int) -> tuple[list[float], list[float]]:
    waits, spent = [], []
    with serve(database, settings={"RUNYARD_SANDBOX_ISOLATION": kind}) as server, _client(server) as client:
        for _ in range(laps):
            wait, processor = _lap(server, client)
            waits.append(wait)
            spent.append(processor)
    return waits, spent


def _lap(server: Server, client: httpx2.Client) -> tuple[float, float]:
    task = _said(client.post(TASKS, json={"description": "please wait"}))["id"]
    began = time.perf_counter()
    run = _said(client.post(f"{TASKS}{task}/run/", json={}))["latest_run"]["id"]
    path = f"{TASKS}{task}/runs/{run}/"
    while "sandbox_url" not in _said(client.get(path))["state"]:
        assert time.perf_counter() < began + PATIENCE, "the sandbox is not ready"
        time.sleep(0.01)
    wait = time.perf_counter() - began
    family = psutil.Process(server.process.pid).children(recursive=True)
    processor = sum(sum(one.cpu_times()[:4]) for one in family)
    _said(client.post(f"{path}cancel/", json={}))
    while psutil.Process(server.process.pid).children(recursive=True):
        assert time.perf_counter() < began + PATIENCE, "the sandbox is still there"
        time.sleep(0.05)
    return wait, processor


def _client(server: Server) -> httpx2.Client:
    return httpx2.Client(base_url=server.url, headers={"Authorization": f"Bearer {KEY}"}, timeout=PATIENCE)


def _said(reply: httpx2.Response) -> dict[str, Any]:
    assert reply.status_code < 300, reply.text
    found: dict[str, Any] = reply.json()
    return found
