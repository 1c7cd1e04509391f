"""Hierarchies of tasks: how long it takes to read, pause, resume and cancel one over HTTP.

A root with 64 children, each the top of a chain, so that there are 8 levels; every task waits for 32 others and has a
queued run.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from bench import http
from bench.bench import Bench
from bench.databases import Database
from bench.figures import Figure, percentile
from bench.servers import Server, serve
from runyard.app.stores import open_store, wall_clock
from runyard.domain.actors import Actor, Doer, Origin
from runyard.domain.tasks import MAX_CHILDREN, MAX_DEPENDENCIES, MAX_LEVELS, Task
from runyard.engine.tasks import depending, desk, making, queueing
from runyard.engine.tasks.making import NewTask
from runyard.engine.tasks.queueing import Asked
from runyard.settings import Settings
from runyard.storage.port import Tx

BAR = 100.0
READS = 50
PROJECT = 1
PERSON = Doer(Actor("human", "bench"), Origin("http", "tasks.create"))
ACTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("pause", {"reason": "a new release"}),
    ("resume", {}),
    ("cancel", {"reason": "not needed"}),
)


def measure(bench: Bench) -> Iterator[Figure]:
    """The 99th percentile of each; what changes something is done to each of some hierarchies once."""
    count = 3 if bench.quick else 10
    with bench.database() as database:
        roots = fill(database, count)
        with serve(database) as server:
            taken = bench.run(_ask(server, roots))
    size = 1 + MAX_CHILDREN * (MAX_LEVELS - 1)
    for what, seconds in taken.items():
        yield Figure(
            bench="tasks",
            engine=bench.engine,
            what=f"{what}, {size} tasks, {size * MAX_DEPENDENCIES:,} dependencies, p99",
            value=percentile(seconds, 0.99) * 1e3,
            unit="ms",
            bar=BAR,
            note=f"p50 {percentile(seconds, 0.5) * 1e3:.1f} ms",
        )


def fill(database: Database, count: int) -> list[str]:
    """So many hierarchies; the ids of their roots. No server may be on the database."""
    settings = Settings(data=database.folder, database=database.dsn)
    with closing(open_store(settings, clock=wall_clock)) as store:
        others = [store.transact(_made, f"other {number}", None).id for number in range(MAX_DEPENDENCIES)]
        roots = []
        for number in range(count):
            root = store.transact(_made, f"root {number}", None)
            roots.append(root.id)
            store.transact(_linked, root.id, others)
            for _ in range(MAX_CHILDREN):
                store.transact(_chain, root.id, others)
        return roots


def _made(tx: Tx, title: str, parent_id: str | None) -> Task:
    if parent_id is None:
        return making.create(tx, PROJECT, NewTask(title=title), PERSON)
    return making.create_child(tx, PROJECT, parent_id, NewTask(title=title), PERSON)


def _chain(tx: Tx, parent_id: str, others: list[str]) -> None:
    for level in range(1, MAX_LEVELS):
        parent_id = _made(tx, f"level {level}", parent_id).id
        _linked(tx, parent_id, others)


def _linked(tx: Tx, task_id: str, others: list[str]) -> None:
    for other in others:
        depending.add(tx, PROJECT, task_id, other, PERSON)
    queueing.queue(tx, desk.take(tx, PROJECT, task_id)[0], PERSON, Asked())


async def _ask(server: Server, roots: list[str]) -> dict[str, list[float]]:
    connection = await http.connect(server)
    taken: dict[str, list[float]] = {"tree": []}
    path = f"/api/tasks/task-{roots[0].replace('-', '')}/tree"
    message = http.request("GET", path, mount="/agh")
    size = 1 + MAX_CHILDREN * (MAX_LEVELS - 1)
    for number in range(READS + 3):
        began = time.perf_counter()
        answer = await connection.send(message)
        if number >= 3:
            taken["tree"].append(time.perf_counter() - began)
        assert len(json.loads(answer)["tree"]["descendants"]) == size - 1, "not the whole tree"
    for action, body in ACTIONS:
        taken[action] = []
        for root in roots:
            message = http.request("POST", f"/api/tasks/task-{root.replace('-', '')}/{action}", body, mount="/agh")
            began = time.perf_counter()
            await connection.send(message)
            taken[action].append(time.perf_counter() - began)
    connection.close()
    return taken
