"""The published client of BambooSnow as the tests hold it: only its base URL and key are set."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx2
from bamboosnow import AsyncBambooSnowClient, BambooSnowClient

from runyard.sdk import Client, Worker
from tests.e2e.processes import ServerProcess, until
from tests.e2e.published_client.desk import Blocking
from tests.e2e.snow_client import work

Json = dict[str, Any]
ENDED = {"completed", "failed", "cancelled"}
_numbers = itertools.count(1)


@dataclass
class Desk:
    """A project of its own on a running server, and the client that works in it."""

    server: ServerProcess
    twin: str
    """`sync` or `async`: which of the published clients is used."""
    base: str = "/bamboosnow"
    """Where the dialect is; the empty text is the root."""
    statuses: list[int] = field(default_factory=list)
    """Of all replies: a 5xx would be hidden by the client's own retries."""
    project: str = field(default_factory=lambda: f"snow-{next(_numbers)}")
    _open: list[Any] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        try:
            with self.server.client() as admin:
                admin.projects.create(self.project)
            self.native: Client = self.server.client(self.project)
            self.key = self.new_key()
            self.client = self.connect(self.key)
            # Before the worker makes jobs of these names.
            self.agents = {name: self.new_agent(name) for name in work.AGENTS}
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.native.close()
        self._close()
        assert kind is not None or all(status < 500 for status in self.statuses), self.statuses

    def _close(self) -> None:
        for client in self._open:
            if isinstance(client, BambooSnowClient):
                client.close()
            else:
                self._loop.run_until_complete(client.close())
        self._loop.close()

    def connect(self, key: str | None, base_url: str | None = None, **more: Any) -> Any:
        """A client with this key."""
        url = self.server.url + self.base if base_url is None else base_url
        made = (BambooSnowClient if self.twin == "sync" else AsyncBambooSnowClient)(key, base_url=url, **more)
        self._open.append(made)
        hooks = made._http._client.event_hooks
        if isinstance(made, BambooSnowClient):
            made._http._client.event_hooks = {**hooks, "response": [self._seen]}
            return made
        made._http._client.event_hooks = {**hooks, "response": [self._seen_too]}
        return Blocking(made, self._loop)

    def _seen(self, reply: Any) -> None:
        self.statuses.append(reply.status_code)

    async def _seen_too(self, reply: Any) -> None:
        self.statuses.append(reply.status_code)

    def new_key(self, *scopes: str) -> str:
        """The secret of a new key of the project."""
        made = self.native.keys.create(
            "desk", scopes=[*scopes] or ["admin"], project=self.project, dialect="bamboosnow"
        )
        return str(made.key)

    def post(self, path: str, body: Mapping[str, Any]) -> Json:
        """What the client has no method for: a call as the seed's pages describe it."""
        headers = {"authorization": f"Bearer {self.key}"}
        reply = httpx2.post(f"{self.server.url}{self.base}{path}", json=body, headers=headers)
        assert reply.status_code < 300, reply.text
        made: Json = reply.json()
        return made

    def get(self, path: str) -> Json:
        """The same for what is only read."""
        reply = httpx2.get(f"{self.server.url}{self.base}{path}", headers={"authorization": f"Bearer {self.key}"})
        assert reply.status_code == 200, reply.text
        found: Json = reply.json()
        return found

    def agent(self, name: str = "Echo") -> str:
        """The id of the agent of this name, whose runs the worker takes if it knows the name."""
        return self.agents.get(name) or self.new_agent(name)

    def new_agent(self, name: str, **more: Any) -> str:
        """The id of a new agent."""
        return str(self.post("/v1/agents", {"name": name, **more})["id"])

    def worker(self) -> Worker:
        """A worker for the agents of the project."""
        worker = Worker(self.server.url, self.server.key, project=self.project, lease_seconds=2, wait_seconds=5)
        work.register(worker)
        return worker

    def asked(self, agent_id: str, payload: Json | None = None) -> str:
        """The id of a new run of the agent."""
        return str(self.client.agents.trigger(agent_id, payload)["run_id"])

    def waiting(self, name: str = "Idle", payload: Json | None = None) -> str:
        """The id of a run that nobody takes."""
        return self.asked(self.agent(name), payload or {"n": 1})

    def ended(self, name: str = "Echo", payload: Json | None = None) -> str:
        """The id of a run that the worker has ended."""
        run_id = self.asked(self.agent(name), payload or {"n": 1})
        self.until(run_id, *ENDED)
        return run_id

    def asking(self) -> str:
        """The id of a run that waits for a person."""
        run_id = self.asked(self.agent("Careful"), {"n": 1})
        self.until(run_id, "waiting_approval")
        return run_id

    def status(self, run_id: str) -> str:
        """The run's status."""
        return str(self.client.runs.get(run_id).status.value)

    def until(self, run_id: str, *statuses: str) -> None:
        """Wait until the run has one of these statuses."""
        until(lambda: self.status(run_id) in statuses, f"the run does not become {statuses}")
