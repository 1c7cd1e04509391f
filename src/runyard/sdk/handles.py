"""Runs that know the client they came from, so that they can be followed and steered.

What a run says is as old as the answer it came with: `refresh` reads it again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, cast

from runyard.sdk import models

if TYPE_CHECKING:
    from runyard.sdk.async_client import AsyncClient
    from runyard.sdk.client import Client
    from runyard.sdk.following import Item


class Run(models.Run, frozen=True, kw_only=True):
    """A run and the blocking client it came from."""

    @property
    def client(self) -> Client:
        """The client it came from."""
        return cast("Client", self.__dict__["client"])

    def refresh(self) -> Run:
        """The run as it is now."""
        return self.client.runs.get(self.id)

    def wait(self, timeout: float | None = None) -> Run:
        """The run once it goes nowhere by itself. Raises `WaitTimeout` when the time is up before that."""
        return self.client.runs.wait(self.id, timeout=timeout)

    def cancel(self, *, reason: str | None = None) -> Run:
        """Stop it and its children."""
        return self.client.runs.cancel(self.id, reason=reason)

    def events(self) -> Iterator[models.Event]:
        """Its lines of the journal so far."""
        return self.client.runs.events(self.id)

    def logs(self) -> Iterator[models.LogEntry]:
        """Its log so far."""
        return self.client.runs.logs(self.id)

    def stream(self, *, after: int | None = None) -> Iterator[Item]:
        """Everything that happens to it, until it ends."""
        return self.client.runs.stream(self.id, after=after)


class AsyncRun(models.Run, frozen=True, kw_only=True):
    """A run and the async client it came from."""

    @property
    def client(self) -> AsyncClient:
        """The client it came from."""
        return cast("AsyncClient", self.__dict__["client"])

    async def refresh(self) -> AsyncRun:
        """The run as it is now."""
        return await self.client.runs.get(self.id)

    async def wait(self, timeout: float | None = None) -> AsyncRun:  # noqa: ASYNC109 - the answer differs from a cancellation
        """The run once it goes nowhere by itself. Raises `WaitTimeout` when the time is up before that."""
        return await self.client.runs.wait(self.id, timeout=timeout)

    async def cancel(self, *, reason: str | None = None) -> AsyncRun:
        """Stop it and its children."""
        return await self.client.runs.cancel(self.id, reason=reason)

    def events(self) -> AsyncIterator[models.Event]:
        """Its lines of the journal so far."""
        return self.client.runs.events(self.id)

    def logs(self) -> AsyncIterator[models.LogEntry]:
        """Its log so far."""
        return self.client.runs.logs(self.id)

    def stream(self, *, after: int | None = None) -> AsyncIterator[Item]:
        """Everything that happens to it, until it ends."""
        return self.client.runs.stream(self.id, after=after)


def shapes(run: type[models.Run]) -> dict[Any, Any]:
    """The shapes of answers in which runs of this class take the place of plain ones."""
    return {
        models.Run: run,
        models.Page[models.Run]: models.Page[run],  # type: ignore[valid-type]
        models.RunsOut[models.Run]: models.RunsOut[run],  # type: ignore[valid-type]
        models.Triggered[models.Run]: models.Triggered[run],  # type: ignore[valid-type]
    }


def adopt(answer: object, client: object) -> None:
    """Tell the runs in an answer which client they came from."""
    if isinstance(answer, (Run, AsyncRun)):
        # A run is frozen for its users; where it came from is no part of what it says.
        answer.__dict__["client"] = client
    elif isinstance(answer, models.Page):
        adopt(answer.data, client)
    elif isinstance(answer, models.Triggered):
        adopt(answer.run, client)
    elif isinstance(answer, list):
        for item in answer:
            adopt(item, client)
