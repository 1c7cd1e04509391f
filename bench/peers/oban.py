"""Oban for Python: jobs acknowledged in batches, rows kept. It needs Python 3.12."""

from __future__ import annotations

import asyncio
import signal

from oban import Oban, worker  # type: ignore[import-not-found]
from oban.schema import install  # type: ignore[import-not-found]

from bench.peers import moments

LEFT = "SELECT EXISTS (SELECT 1 FROM oban_jobs WHERE state NOT IN ('completed', 'discarded', 'cancelled'))"
CONCURRENCY = 100

_begun = moments.begun_once()


class _Noop:
    async def process(self, job: object) -> None:
        _begun()


Noop = worker(queue="bench")(_Noop)


def prepare(dsn: str, count: int) -> None:
    """Queue the jobs."""
    asyncio.run(_prepare(dsn, count))


async def _prepare(dsn: str, count: int) -> None:
    pool = await Oban.create_pool(dsn)
    await install(pool)
    oban = Oban(pool=pool)
    for _ in range(count // 1000):
        await oban.enqueue_many([Noop.new({"n": 1}) for _ in range(1000)])
    await pool.close()


def work(dsn: str) -> None:
    """Drain."""
    asyncio.run(_work(dsn))


async def _work(dsn: str) -> None:
    pool = await Oban.create_pool(dsn)
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    moments.ready()
    async with Oban(pool=pool, queues={"bench": CONCURRENCY}):
        await stopped.wait()
    await pool.close()
