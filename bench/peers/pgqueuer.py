"""PgQueuer: async entry points, jobs moved to a log table in batches."""

from __future__ import annotations

import asyncio

import asyncpg  # type: ignore[import-not-found]
from pgqueuer import AsyncpgDriver, PgQueuer, Queries  # type: ignore[import-not-found]

from bench.peers import moments

LEFT = "SELECT EXISTS (SELECT 1 FROM pgqueuer)"
BATCH = 100


def prepare(dsn: str, count: int) -> None:
    """Queue the jobs."""
    asyncio.run(_prepare(dsn, count))


async def _prepare(dsn: str, count: int) -> None:
    connection = await asyncpg.connect(dsn)
    queries = Queries(AsyncpgDriver(connection))
    await queries.install()
    for _ in range(count // 1000):
        await queries.enqueue(["noop"] * 1000, [b'{"n":1}'] * 1000, [0] * 1000)
    await connection.close()


def work(dsn: str) -> None:
    """Drain."""
    asyncio.run(_work(dsn))


async def _work(dsn: str) -> None:
    queue = PgQueuer(AsyncpgDriver(await asyncpg.connect(dsn)))
    begun = moments.begun_once()

    async def noop(job: object) -> None:
        begun()

    queue.entrypoint("noop")(noop)
    moments.ready()
    await queue.run(batch_size=BATCH)
