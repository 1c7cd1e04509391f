"""Requests about the scheduler: whether queued runs of tasks are handed out."""

from __future__ import annotations

from runyard.sdk import models
from runyard.sdk.call import Call, encode, get, present, query, send

DRAIN_SECONDS = 60


def status() -> Call[models.Scheduler]:
    """Whether queued runs of tasks are handed out, and how many there are."""
    return get("/scheduler", models.Scheduler)


def pause(*, reason: str | None = None) -> Call[models.Scheduler]:
    """Hand out no run of a task until it is resumed; what is under way goes on."""
    return send("POST", "/scheduler/pause", models.Scheduler, present(reason=reason))


def resume() -> Call[models.Scheduler]:
    """Hand out what is queued."""
    return send("POST", "/scheduler/resume", models.Scheduler)


def drain(*, reason: str | None = None, timeout_seconds: int = DRAIN_SECONDS) -> Call[models.Drained]:
    """Pause, and wait until nobody has a run any more or the time is up; 0 looks once."""
    return Call(
        method="POST",
        path="/scheduler/drain",
        shape=models.Drained,
        body=encode(present(reason=reason, timeout_seconds=timeout_seconds)),
        repeatable=True,
        timeout=timeout_seconds + 15,
    )


def backlog(
    *, workspace_id: str | None = None, include_paused: bool | None = None, limit: int | None = None
) -> Call[models.Backlog]:
    """The first queued runs of tasks in the order in which they are handed out, and how many there are."""
    found = query(workspace_id=workspace_id, include_paused=include_paused, limit=limit)
    return get("/scheduler/backlog", models.Backlog, found)
