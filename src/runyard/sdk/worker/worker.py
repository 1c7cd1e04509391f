"""What users see: `worker = Worker()`, `@worker.job("name")`, `worker.run()`."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, Unpack, cast

import httpx2

from runyard.sdk.async_client import AsyncClient
from runyard.sdk.errors import RunyardError, Unauthorized
from runyard.sdk.fields import ConcurrencyFields, DefinitionFields, JobFields, RetryFields
from runyard.sdk.worker.declaring import declare
from runyard.sdk.worker.held import Handler, Handlers
from runyard.sdk.worker.patience import passes, pause
from runyard.sdk.worker.session import Session, Terms
from runyard.sdk.worker.waiting import first

F = TypeVar("F", bound=Callable[..., Any])

log = logging.getLogger("runyard.worker")


class Worker:
    """Takes runs and works on them with the functions registered by `job` and `fallback`.

    `concurrency` runs are worked on at a time; plain functions in threads, async ones on the event loop. A few more are
    held in reserve (`prefetch`; by default as many as are finished in a tenth of a second). Where to go and as whom is
    found as `Client` does.
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        project: str | int | None = None,
        queues: Sequence[str] | None = None,
        concurrency: int = 8,
        prefetch: int | None = None,
        name: str | None = None,
        executor: str | None = None,
        capabilities: Sequence[str] | None = None,
        lease_seconds: float | None = None,
        wait_seconds: float = 20.0,
        drain_seconds: float = 30.0,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        if concurrency < 1:
            raise ValueError("A worker needs a concurrency of at least 1.")
        self.url = url
        self.key = key
        self.project = project
        self.queues = queues
        self.concurrency = concurrency
        self.prefetch = prefetch
        self.name = name or f"{socket.gethostname()}-{os.getpid()}"
        self.executor = executor
        self.capabilities = capabilities
        self.lease_seconds = lease_seconds
        self.wait_seconds = wait_seconds
        self.drain_seconds = drain_seconds
        self._transport = transport
        self._handlers: dict[str, Handler] = {}
        self._by_queue: dict[str, Handler] = {}
        self._fallback: Handler | None = None
        self._jobs: dict[str, JobFields] = {}
        self._stops = 0
        self._on_stop: Callable[[], None] | None = None
        self._lock = threading.Lock()

    def job(
        self,
        name: str,
        *,
        retries: int | None = None,
        timeout: float | None = None,
        concurrency: int | ConcurrencyFields | None = None,
        **fields: Unpack[DefinitionFields],
    ) -> Callable[[F], F]:
        """Have the function work on the runs of a job, and have the job made (or changed) to say so when work begins.

        `retries` counts the tries after the first, `timeout` is seconds, `concurrency` bounds the job over all workers.
        """
        declared = cast("JobFields", dict(fields))
        if retries is not None:
            retry: RetryFields = {**declared.get("retry", {}), "max_attempts": retries + 1}
            declared["retry"] = retry
        if timeout is not None:
            declared["timeout_seconds"] = timeout
        if concurrency is not None:
            declared["concurrency"] = {"max": concurrency} if isinstance(concurrency, int) else concurrency

        def register(function: F) -> F:
            if name in self._handlers:
                raise ValueError(f"This worker has a handler for the job {name!r} already.")
            self._handlers[name] = _handler(function)
            self._jobs[name] = declared
            return function

        return register

    def queue(self, name: str) -> Callable[[F], F]:
        """Have the function work on all runs of a queue, whatever their job; a worker with jobs takes no queues."""

        def register(function: F) -> F:
            if name in self._by_queue:
                raise ValueError(f"This worker has a handler for the queue {name!r} already.")
            self._by_queue[name] = _handler(function)
            return function

        return register

    def fallback(self, function: F) -> F:
        """Have the function work on every run no other one is registered for, runs without a job included."""
        self._fallback = _handler(function)
        return function

    def run(self) -> None:
        """Work until SIGTERM or SIGINT, or `stop`; then drain. A second signal: give back at once what is not done.

        Raises `ValueError` when it has nothing to do or nowhere to go, and `Unauthorized` when its key is not valid.
        """
        asyncio.run(self.serve(signals=threading.current_thread() is threading.main_thread()))

    async def serve(self, *, signals: bool = False) -> None:
        """Do what `run` does on the event loop that is running."""
        if self._by_queue and (self._handlers or self._fallback or self.queues is not None):
            raise ValueError("A worker with @worker.queue(name) takes the runs of those queues and no others.")
        if not self._handlers and not self._by_queue and self._fallback is None:
            raise ValueError("This worker has no handlers: register one with @worker.job(name) or @worker.fallback.")
        async with AsyncClient(self.url, self.key, self.project, transport=self._transport) as client:
            session = Session(client, self._terms(), Handlers(self._handlers, self._by_queue, self._fallback))
            loop = asyncio.get_running_loop()
            if signals:
                for number in (signal.SIGTERM, signal.SIGINT):
                    with contextlib.suppress(NotImplementedError):
                        loop.add_signal_handler(number, self.stop)
            with self._lock:
                self._on_stop = lambda: _on(loop, session.stop)
                for _ in range(self._stops):
                    session.stop()
            try:
                await _until_stopped(self._declare(client), session)
                takes = ",".join(self._handlers or self._by_queue)
                log.info("worker.ready name=%s takes=%s url=%s", self.name, takes, client.server.url)
                await session.work()
            finally:
                with self._lock:
                    self._on_stop, self._stops = None, 0

    def stop(self) -> None:
        """Drain and come back from `run`; a second time: without waiting for runs to finish. Any thread may call it."""
        with self._lock:
            self._stops += 1
            if self._on_stop is not None:
                self._on_stop()

    async def _declare(self, client: AsyncClient) -> None:
        for name, fields in self._jobs.items():
            failures = 0
            while True:
                try:
                    await declare(client, name, fields)
                    break
                except RunyardError as error:
                    if isinstance(error, Unauthorized) or not passes(error):
                        error.add_note(f"While declaring the job {name!r}.")
                        raise
                    delay = pause(client.patience, error, failures)
                    log.warning("worker.declare_failed job=%s retry_in=%.1fs error=%s", name, delay, error)
                    failures += 1
                    await asyncio.sleep(delay)

    def _terms(self) -> Terms:
        return Terms(
            name=self.name[:128],
            queues=tuple(self._by_queue) or (None if self.queues is None else tuple(self.queues)),
            executor=self.executor,
            capabilities=None if self.capabilities is None else tuple(self.capabilities),
            concurrency=self.concurrency,
            prefetch=self.prefetch,
            lease_seconds=self.lease_seconds,
            wait_seconds=self.wait_seconds,
            drain_seconds=self.drain_seconds,
        )


def _handler(function: Callable[..., Any]) -> Handler:
    call = getattr(function, "__call__", None)  # noqa: B004 - a callable object may have an async __call__
    return Handler(function, inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call))


def _on(loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> None:
    with contextlib.suppress(RuntimeError):  # closed since
        loop.call_soon_threadsafe(stop)


async def _until_stopped(work: Any, session: Session) -> None:
    """Do this, unless the session is stopped first."""
    task = asyncio.ensure_future(work)
    await first(task, session.stopping())
    if task.done():
        task.result()
    else:
        task.cancel()
