"""The async client: `await (await client.runs.create(job="…")).wait()`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Self, TypeVar, cast

import httpx2

from runyard.sdk import connection
from runyard.sdk.call import Call, page_at
from runyard.sdk.calls import runs
from runyard.sdk.errors import RunyardError, Unreachable
from runyard.sdk.exchange import Patience, Reply, Request, Script, Sleep, exchange, failure, until_settled
from runyard.sdk.following import Follower, Item
from runyard.sdk.handles import AsyncRun, adopt, shapes
from runyard.sdk.methods import AsyncNoun
from runyard.sdk.models import Done, Event, LogEntry, Page, Resync
from runyard.sdk.nouns import (
    AsyncAgents,
    AsyncApprovals,
    AsyncBridges,
    AsyncBulk,
    AsyncChannels,
    AsyncCodingRuns,
    AsyncCodingTasks,
    AsyncDeadLetter,
    AsyncEnvironments,
    AsyncInbox,
    AsyncJobs,
    AsyncKeys,
    AsyncPersonas,
    AsyncProjects,
    AsyncRepositories,
    AsyncReviews,
    AsyncSandboxes,
    AsyncScheduler,
    AsyncSchedules,
    AsyncSecrets,
    AsyncSessions,
    AsyncTaskRuns,
    AsyncTasks,
    AsyncThreads,
    AsyncWaits,
    AsyncWebhooks,
    AsyncWorkspaces,
    RunMethods,
    ServerMethods,
)

T = TypeVar("T")
E = TypeVar("E")


class AsyncRuns(RunMethods, AsyncNoun):
    __doc__ = RunMethods.__doc__

    async def wait(self, run_id: str, *, timeout: float | None = None) -> AsyncRun:  # noqa: ASYNC109 - as in `Runs`
        """The run once it goes nowhere by itself. Raises `WaitTimeout` when the time is up before that."""
        client: AsyncClient = self._client
        return await client.settled(run_id, timeout=timeout)

    def stream(self, run_id: str, *, after: int | None = None) -> AsyncIterator[Item]:
        """Everything that happens to a run, until it ends; goes on by itself where a lost connection broke it off."""
        client: AsyncClient = self._client
        return client.follow(runs.stream_path(run_id), Event, after=after)


class AsyncClient(ServerMethods, AsyncNoun):
    """Talks to a Runyard server from an event loop; takes what `Client` takes and offers what it offers, awaited."""

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        project: str | int | None = None,
        *,
        timeout: float = 30.0,
        retries: int = 4,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        super().__init__(self)
        self.server = connection.server(url, key, project)
        self.patience = connection.patience(retries)
        self._http = httpx2.AsyncClient(transport=transport, **connection.options(self.server, timeout=timeout))
        self._shapes = shapes(AsyncRun)
        self.runs = AsyncRuns(self)
        self.jobs = AsyncJobs(self)
        self.schedules = AsyncSchedules(self)
        self.secrets = AsyncSecrets(self)
        self.environments = AsyncEnvironments(self)
        self.waits = AsyncWaits(self)
        self.agents = AsyncAgents(self)
        self.repositories = AsyncRepositories(self)
        self.keys = AsyncKeys(self)
        self.projects = AsyncProjects(self)
        self.dlq = AsyncDeadLetter(self)
        self.bulk = AsyncBulk(self)
        self.approvals = AsyncApprovals(self)
        self.webhooks = AsyncWebhooks(self)
        self.tasks = AsyncTasks(self)
        self.task_runs = AsyncTaskRuns(self)
        self.sessions = AsyncSessions(self)
        self.reviews = AsyncReviews(self)
        self.inbox = AsyncInbox(self)
        self.scheduler = AsyncScheduler(self)
        self.workspaces = AsyncWorkspaces(self)
        self.personas = AsyncPersonas(self)
        self.channels = AsyncChannels(self)
        self.bridges = AsyncBridges(self)
        self.coding_tasks = AsyncCodingTasks(self)
        self.coding_runs = AsyncCodingRuns(self)
        self.sandboxes = AsyncSandboxes(self)
        self.threads = AsyncThreads(self)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    def stream(self, *, after: int | None = None) -> AsyncIterator[Item]:
        """Everything that happens in the project, from now on or after a place in the journal; it has no end."""
        return self.follow("/stream", Event, after=after)

    async def send(self, call: Call[T], *, patience: Patience | None = None) -> T:
        """Carry out one call, with another patience than usual if one is given."""
        shaped = call.into(self._shapes.get(call.shape, call.shape))
        answer: T = await self._drive(exchange(shaped, self.server, patience or self.patience))
        adopt(answer, self)
        return answer

    async def each(self, call: Call[Page[T]], *, most: int | None = None) -> AsyncIterator[T]:
        """The items of a list, page by page as far as they are read."""
        left = most
        while left is None or left > 0:
            page = await self.send(call)
            items = page.data if left is None else page.data[:left]
            for item in items:
                yield item
            if page.next_cursor is None:
                return
            left = None if left is None else left - len(items)
            call = page_at(call, page.next_cursor)

    async def settled(self, run_id: str, *, timeout: float | None) -> AsyncRun:  # noqa: ASYNC109 - as in `Client`
        """The run once it goes nowhere by itself. Raises `WaitTimeout` when the time is up before that."""
        call = runs.read(run_id).into(AsyncRun)
        run = await self._drive(until_settled(call, self.server, self.patience, timeout=timeout, clock=time.monotonic))
        adopt(run, self)
        return run

    async def follow(
        self, path: str, kind: type[E], *, after: int | None = None
    ) -> AsyncIterator[E | LogEntry | Done | Resync]:
        """The items of a stream with lines of this kind, connecting again where it broke off."""
        follower = Follower(path, kind, self.server, self.patience, after=after)
        while not follower.has_ended():
            broken: RunyardError | None = None
            try:
                async with self._http.stream(**connection.arguments(follower.request())) as response:
                    if response.status_code == 200:
                        async for frame in httpx2.EventSource(response, max_event_size=None):
                            item = follower.take(frame.event, frame.data, frame.id)
                            if item is not None:
                                yield item
                            if follower.has_ended():
                                return
                    else:
                        await response.aread()
                        broken = failure(connection.reply(response))
            except httpx2.TransportError as error:
                broken = connection.unreachable(self.server, error)
            await asyncio.sleep(follower.after_break(broken))

    async def _drive(self, script: Script[T]) -> T:
        try:
            step = next(script)
            while True:
                if isinstance(step, Sleep):
                    await asyncio.sleep(step.seconds)
                    step = script.send(None)
                else:
                    step = script.send(await self._perform(step))
        except StopIteration as end:
            return cast("T", end.value)

    async def _perform(self, request: Request) -> Reply | Unreachable:
        try:
            return connection.reply(await self._http.request(**connection.arguments(request)))
        except httpx2.TransportError as error:
            return connection.unreachable(self.server, error)
