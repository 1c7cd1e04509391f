"""Procrastinate: async tasks, rows kept, one fetched at a time."""

from __future__ import annotations

import asyncio

from procrastinate import App, PsycopgConnector  # type: ignore[import-not-found]

from bench.peers import moments

LEFT = "SELECT EXISTS (SELECT 1 FROM procrastinate_jobs WHERE status IN ('todo', 'doing'))"
CONCURRENCY = 30


def prepare(dsn: str, count: int) -> None:
    """Queue the jobs."""
    asyncio.run(_prepare(dsn, count))


async def _prepare(dsn: str, count: int) -> None:
    app = App(connector=PsycopgConnector(conninfo=dsn))
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        task = app.configure_task("noop", queue="bench", allow_unknown=True)
        for _ in range(count // 1000):
            await task.batch_defer_async(*[{"n": 1}] * 1000)


def work(dsn: str) -> None:
    """Drain."""
    asyncio.run(_work(dsn))


async def _work(dsn: str) -> None:
    app = App(connector=PsycopgConnector(conninfo=dsn))
    begun = moments.begun_once()

    async def noop(n: int) -> dict[str, bool]:
        begun()
        return {"ok": True}

    app.task(name="noop", queue="bench")(noop)
    async with app.open_async():
        moments.ready()
        await app.run_worker_async(queues=["bench"], concurrency=CONCURRENCY)
