"""Claims of runs of tasks: 64 sessions at once ask one by one over HTTP until 10,000 queued runs are handed out.

Every claim comes from a session of its own, since a session has one run at a time: claims alone are counted.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import closing

from bench import http
from bench.bench import Bench
from bench.databases import Database
from bench.figures import Figure, percentile
from bench.servers import KEY, Server, serve
from runyard.app.stores import open_store, wall_clock
from runyard.domain.actors import Actor, Doer, Origin
from runyard.engine import sessions
from runyard.engine.sessions import NewSession
from runyard.engine.tasks import making, queueing
from runyard.engine.tasks.making import NewTask
from runyard.engine.tasks.queueing import Asked
from runyard.settings import Settings
from runyard.storage.port import Tx

CLAIMERS = 64
BAR = 2_000.0
PROJECT = 1
AGENT = "coder"
WORKSPACE = "01900000-0000-7000-8000-000000000001"
PERSON = Doer(Actor("human", "bench"), Origin("http", "tasks.create"))
OWNERS = (None, Actor("pool", AGENT))
"""Two kinds of tasks that all claimers may have: their runs stand in two classes."""
CLAIMED = "SELECT run_id FROM task_events WHERE type = 'task.run_claimed' ORDER BY seq"
IN_ORDER = "SELECT id FROM runs ORDER BY priority DESC, queued_at, id"


def measure(bench: Bench) -> Iterator[Figure]:
    """Claims a second, and how long one takes for who asks."""
    count = 2_000 if bench.quick else 10_000
    raw = bench.raw().drains
    with bench.database() as database:
        ids = fill(database, count)
        with serve(database) as server:
            seconds, waits = bench.run(_claims(server, ids))
        _verify(database, count)
    what = f"{count:,} queued runs, {CLAIMERS} claimers"
    yield Figure(
        bench="task-claims", engine=bench.engine, what=what, value=count / seconds, unit="claims/s",
        bar=BAR if bench.engine == "sqlite" else None, better="more", raw=raw,
    )  # fmt: skip
    yield Figure(
        bench="task-claims", engine=bench.engine, what=f"{what}, p99", value=percentile(waits, 0.99) * 1e3, unit="ms",
    )  # fmt: skip


def fill(database: Database, count: int) -> list[str]:
    """So many queued runs of tasks, and as many sessions, whose ids these are; no server may be on the database."""
    settings = Settings(data=database.folder, database=database.dsn)
    with closing(open_store(settings, clock=wall_clock)) as store:
        ids: list[str] = []
        for first in range(0, count, 500):
            ids += store.transact(_some, first, min(500, count - first))
        return ids


def _some(tx: Tx, first: int, count: int) -> list[str]:
    made = []
    for number in range(first, first + count):
        priority, owner = (2, 4, 6, 8)[number % 4], OWNERS[number // 4 % 2]
        new = NewTask(title=f"task {number}", priority=priority, owner=owner, workspace_id=WORKSPACE)
        queueing.queue(tx, making.create(tx, PROJECT, new, PERSON), PERSON, Asked())
        made.append(sessions.create(tx, PROJECT, NewSession(agent=AGENT, workspace_id=WORKSPACE)).id)
    return made


async def _claims(server: Server, ids: Sequence[str]) -> tuple[float, list[float]]:
    lines = [await http.connect(server) for _ in range(CLAIMERS)]
    left = iter([_message(one) for one in ids])
    waits: list[float] = []
    answers: list[bytes] = []

    async def claim(connection: http.Connection) -> None:
        for message in left:
            asked = time.perf_counter()
            answers.append(await _answer(connection, message))
            waits.append(time.perf_counter() - asked)

    began = time.perf_counter()
    await asyncio.gather(*map(claim, lines))
    seconds = time.perf_counter() - began
    for connection in lines:
        connection.close()
    found = {json.loads(answer)["claim"]["run"]["id"] for answer in answers}
    assert len(found) == len(ids), "a run was handed out twice"
    return seconds, waits


async def _answer(connection: http.Connection, message: bytes) -> bytes:
    """The claim. On PostgreSQL the last runs may be locked by the other writer for a moment: then it asks again."""
    while True:
        try:
            return await connection.send(message)
        except http.Refused as refused:
            if not str(refused).startswith("204 "):
                raise


def _message(session_id: str) -> bytes:
    head = [
        "POST /agh/api/agent/tasks/claim-next HTTP/1.1",
        "Host: bench",
        f"Authorization: Bearer {KEY}",
        "Content-Type: application/json",
        f"X-AGH-Session-ID: sess-{session_id.replace('-', '')}",
        f"X-AGH-Agent: {AGENT}",
        "Content-Length: 2",
    ]
    return "\r\n".join([*head, "", "{}"]).encode()


def _verify(database: Database, count: int) -> None:
    """Make sure that each run was claimed once, and by one writer in the order of claims. Raises `AssertionError`."""
    claimed = [row[0] for row in database.execute(CLAIMED)]
    assert len(set(claimed)) == len(claimed) == count, "not every run was claimed once"
    if database.engine == "sqlite":
        assert claimed == [row[0] for row in database.execute(IN_ORDER)], "out of order"
