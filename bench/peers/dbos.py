"""DBOS: each job is a durable workflow, its input and output kept."""

from __future__ import annotations

import signal
import threading

import sqlalchemy  # type: ignore[import-not-found]
from dbos import DBOS, DBOSClient  # type: ignore[import-not-found]

from bench.peers import moments

LEFT = "SELECT EXISTS (SELECT 1 FROM dbos.workflow_status WHERE status IN ('ENQUEUED', 'PENDING'))"
CONCURRENCY = 100
POLLING_SECONDS = 0.1


def _url(dsn: str) -> str:
    return dsn.replace("postgresql://", "postgresql+psycopg://", 1)


def _app(dsn: str) -> None:
    DBOS(config={"name": "bench", "system_database_url": _url(dsn), "log_level": "ERROR", "application_version": "1"})


def _register() -> None:
    DBOS.register_queue("bench", worker_concurrency=CONCURRENCY, polling_interval_sec=POLLING_SECONDS)


def prepare(dsn: str, count: int) -> None:
    """Queue the jobs."""
    _app(dsn)
    DBOS.launch()
    _register()
    DBOS.destroy()
    client = DBOSClient(system_database_url=_url(dsn))
    engine = sqlalchemy.create_engine(_url(dsn))
    for _ in range(count // 1000):
        with engine.begin() as connection:
            for _ in range(1000):
                options = {"queue_name": "bench", "workflow_name": "noop", "app_version": "1"}
                client.enqueue_in_transaction(connection, options, 1)
    engine.dispose()
    client.destroy()


def work(dsn: str) -> None:
    """Drain."""
    begun = moments.begun_once()

    def noop(n: int) -> dict[str, bool]:
        begun()
        return {"ok": True}

    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    _app(dsn)
    DBOS.workflow(name="noop")(noop)
    moments.ready()
    DBOS.launch()
    _register()
    stopped.wait()
    DBOS.destroy()
