"""The blocking client: `Client().runs.create(job="…").wait()`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Self, TypeVar, cast

import httpx2

from runyard.sdk import connection
from runyard.sdk.call import Call, page_at
from runyard.sdk.calls import runs
from runyard.sdk.errors import RunyardError, Unreachable
from runyard.sdk.exchange import Reply, Request, Script, Sleep, exchange, failure, until_settled
from runyard.sdk.following import Follower, Item
from runyard.sdk.handles import Run, adopt, shapes
from runyard.sdk.methods import Noun
from runyard.sdk.models import Done, Event, LogEntry, Page, Resync
from runyard.sdk.nouns import (
    Agents,
    Approvals,
    Bridges,
    Bulk,
    Channels,
    CodingRuns,
    CodingTasks,
    DeadLetter,
    Environments,
    Inbox,
    Jobs,
    Keys,
    Personas,
    Projects,
    Repositories,
    Reviews,
    RunMethods,
    Sandboxes,
    Scheduler,
    Schedules,
    Secrets,
    ServerMethods,
    Sessions,
    TaskRuns,
    Tasks,
    Threads,
    Waits,
    Webhooks,
    Workspaces,
)

T = TypeVar("T")
E = TypeVar("E")


class Runs(RunMethods, Noun):
    __doc__ = RunMethods.__doc__

    def wait(self, run_id: str, *, timeout: float | None = None) -> Run:
        """The run once it goes nowhere by itself. Raises `WaitTimeout` when the time is up before that."""
        client: Client = self._client
        return client.settled(run_id, timeout=timeout)

    def stream(self, run_id: str, *, after: int | None = None) -> Iterator[Item]:
        """Everything that happens to a run, until it ends; goes on by itself where a lost connection broke it off."""
        client: Client = self._client
        return client.follow(runs.stream_path(run_id), Event, after=after)


class Client(ServerMethods, Noun):
    """Talks to a Runyard server.

    Without arguments it takes `RUNYARD_URL`, `RUNYARD_KEY` and `RUNYARD_PROJECT`, then the credentials file that the
    server wrote when it first started. Its methods raise `RunyardError`. Threads may share it.
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        project: str | int | None = None,
        *,
        timeout: float = 30.0,
        retries: int = 4,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        super().__init__(self)
        self.server = connection.server(url, key, project)
        self._patience = connection.patience(retries)
        self._http = httpx2.Client(transport=transport, **connection.options(self.server, timeout=timeout))
        self._shapes = shapes(Run)
        self.runs = Runs(self)
        self.jobs = Jobs(self)
        self.schedules = Schedules(self)
        self.secrets = Secrets(self)
        self.environments = Environments(self)
        self.waits = Waits(self)
        self.agents = Agents(self)
        self.repositories = Repositories(self)
        self.keys = Keys(self)
        self.projects = Projects(self)
        self.dlq = DeadLetter(self)
        self.bulk = Bulk(self)
        self.approvals = Approvals(self)
        self.webhooks = Webhooks(self)
        self.tasks = Tasks(self)
        self.task_runs = TaskRuns(self)
        self.sessions = Sessions(self)
        self.reviews = Reviews(self)
        self.inbox = Inbox(self)
        self.scheduler = Scheduler(self)
        self.workspaces = Workspaces(self)
        self.personas = Personas(self)
        self.channels = Channels(self)
        self.bridges = Bridges(self)
        self.coding_tasks = CodingTasks(self)
        self.coding_runs = CodingRuns(self)
        self.sandboxes = Sandboxes(self)
        self.threads = Threads(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def stream(self, *, after: int | None = None) -> Iterator[Item]:
        """Everything that happens in the project, from now on or after a place in the journal; it has no end."""
        return self.follow("/stream", Event, after=after)

    def send(self, call: Call[T]) -> T:
        """Carry out one call."""
        answer: T = self._drive(
            exchange(call.into(self._shapes.get(call.shape, call.shape)), self.server, self._patience)
        )
        adopt(answer, self)
        return answer

    def each(self, call: Call[Page[T]], *, most: int | None = None) -> Iterator[T]:
        """The items of a list, page by page as far as they are read."""
        left = most
        while left is None or left > 0:
            page = self.send(call)
            items = page.data if left is None else page.data[:left]
            yield from items
            if page.next_cursor is None:
                return
            left = None if left is None else left - len(items)
            call = page_at(call, page.next_cursor)

    def settled(self, run_id: str, *, timeout: float | None) -> Run:
        """The run once it goes nowhere by itself. Raises `WaitTimeout` when the time is up before that."""
        call = runs.read(run_id).into(Run)
        run = self._drive(until_settled(call, self.server, self._patience, timeout=timeout, clock=time.monotonic))
        adopt(run, self)
        return run

    def follow(self, path: str, kind: type[E], *, after: int | None = None) -> Iterator[E | LogEntry | Done | Resync]:
        """The items of a stream with lines of this kind, connecting again where it broke off."""
        follower = Follower(path, kind, self.server, self._patience, after=after)
        while not follower.has_ended():
            broken: RunyardError | None = None
            try:
                with self._http.stream(**connection.arguments(follower.request())) as response:
                    if response.status_code == 200:
                        for frame in httpx2.EventSource(response, max_event_size=None):
                            item = follower.take(frame.event, frame.data, frame.id)
                            if item is not None:
                                yield item
                            if follower.has_ended():
                                return
                    else:
                        response.read()
                        broken = failure(connection.reply(response))
            except httpx2.TransportError as error:
                broken = connection.unreachable(self.server, error)
            time.sleep(follower.after_break(broken))

    def _drive(self, script: Script[T]) -> T:
        try:
            step = next(script)
            while True:
                if isinstance(step, Sleep):
                    time.sleep(step.seconds)
                    step = script.send(None)
                else:
                    step = script.send(self._perform(step))
        except StopIteration as end:
            return cast("T", end.value)

    def _perform(self, request: Request) -> Reply | Unreachable:
        try:
            return connection.reply(self._http.request(**connection.arguments(request)))
        except httpx2.TransportError as error:
            return connection.unreachable(self.server, error)
