"""The published client of Strait (strait-python) as the tests hold it: only its base URL and key are set."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

from strait import AsyncClient, Client
from strait._middleware import Middleware

from tests.e2e.endpoint import Endpoint
from tests.e2e.processes import ServerProcess, until

Json = dict[str, Any]
ENDED = {"completed", "failed", "timed_out", "crashed", "system_failed", "canceled", "expired", "dead_letter"}
_numbers = itertools.count(1)


@dataclass
class Seen:
    """The statuses of all replies: a 5xx would be hidden by the client's own retries."""

    statuses: list[int] = field(default_factory=list)

    @property
    def middleware(self) -> list[Middleware]:
        """What notes them down."""
        return [Middleware(on_response=lambda reply: self.statuses.append(reply.status))]


class Blocking:
    """`AsyncClient`, or one of its services, with the verbs of `Client`."""

    def __init__(self, inner: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._inner = inner
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return self._verb(found) if callable(found) else Blocking(found, self._loop)

    def _verb(self, method: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            made = method(*args, **kwargs)
            return self._loop.run_until_complete(made if asyncio.iscoroutine(made) else _collected(made))

        return call


async def _collected(stream: Any) -> list[Any]:
    return [one async for one in stream]


@dataclass
class Desk:
    """A project of its own on a running server, and the clients that work in it."""

    server: ServerProcess
    endpoint: Endpoint
    twin: str
    """`sync` or `async`: which of the published clients is used."""
    base: str = "/strait"
    """Where the dialect is; the empty text is the root."""
    seen: Seen = field(default_factory=Seen)
    project: str = field(default_factory=lambda: f"desk-{next(_numbers)}")
    _open: list[Any] = field(default_factory=list)
    _loop: asyncio.AbstractEventLoop | None = None

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        try:
            self.internal = self.connect(self.server.key)
            self.internal.projects.create({"id": self.project, "org_id": "org-1", "name": "A desk"})
            self.client = self.connect(self.new_key())
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        assert kind is not None or all(status < 500 for status in self.seen.statuses), self.seen.statuses

    def _close(self) -> None:
        assert self._loop is not None
        for client in self._open:
            if isinstance(client, Client):
                client.close()
            else:
                self._loop.run_until_complete(client.close())
        self._loop.close()

    def connect(self, key: str, **more: Any) -> Any:
        """A client with this key: an API key, the internal secret, or a run token."""
        assert self._loop is not None
        url = self.server.url + self.base
        made = (Client if self.twin == "sync" else AsyncClient)(
            base_url=url, api_key=key, middleware=self.seen.middleware, **more
        )
        self._open.append(made)
        return made if isinstance(made, Client) else Blocking(made, self._loop)

    def new_key(self, *scopes: str) -> str:
        """The secret of a new key of the project."""
        body = {"project_id": self.project, "name": "desk", **({"scopes": [*scopes]} if scopes else {})}
        return str(self.internal.api_keys.create(body)["key"])

    def body(self, way: str = "/hold", **more: Any) -> Json:
        """What makes a job that is dispatched to the endpoint."""
        slug = f"job-{next(_numbers)}"
        return {
            "project_id": self.project,
            "name": slug,
            "slug": slug,
            "endpoint_url": self.endpoint.url + way,
            "max_attempts": 1,
            **more,
        }

    def job(self, way: str = "/hold", **more: Any) -> Json:
        """A job that is dispatched to the endpoint."""
        made: Json = self.client.jobs.create(self.body(way, **more))
        return made

    def delayed(self, **more: Any) -> str:
        """A run far in the future; its id."""
        job = self.job("/echo")
        later = (datetime.now(UTC) + timedelta(days=2)).isoformat()
        body = {"payload": {"n": 1}, "scheduled_at": later, **more}
        return str(self.client.jobs.trigger(job["id"], body)["id"])

    def ended(self, way: str = "/echo", **more: Any) -> str:
        """A run that the endpoint has answered; its id."""
        run = self.client.jobs.trigger(self.job(way)["id"], {"payload": {"n": 1}, **more})
        until(lambda: self.status(run["id"]) in ENDED, "the run did not end")
        return str(run["id"])

    def executing(self, **more: Any) -> Worker:
        """A run that the endpoint holds, and the client of who executes it."""
        run = self.client.jobs.trigger(self.job(**more)["id"], {"payload": {"n": 1}})
        dispatch = self.endpoint.dispatched(run["id"])
        until(lambda: self.status(run["id"]) == "executing", "the run does not execute")
        return Worker(run_id=str(run["id"]), token=dispatch.token, calls=self.connect(dispatch.token).sdk_runs)

    def failed(self) -> str:
        """A run that its worker failed; its id."""
        worker = self.executing()
        worker.calls.fail_run(worker.run_id, {"error": "no"})
        return worker.run_id

    def status(self, run_id: str) -> str:
        """The run's status."""
        return str(self.client.runs.get(run_id)["status"])


@dataclass(frozen=True, kw_only=True)
class Worker:
    """Who executes a run: its id, its token, and the calls that the token allows."""

    run_id: str
    token: str
    calls: Any
