"""Requests by which a session takes runs of tasks and reports on them. It has one run at a time."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import Any

from runyard.sdk import models
from runyard.sdk.call import Call, encode, present, segment, send


def claim(
    session_id: str,
    *,
    workspace_id: str | None = None,
    capabilities: Iterable[str] | None = None,
    least_priority: int | None = None,
    lease_seconds: float | None = None,
    wait_seconds: float | None = None,
) -> Call[models.TaskClaim | None]:
    """The best run that the session may have, under a lease, waiting up to `wait_seconds` for one.

    Raises `Conflict` where the session has a run already; `situation` says which.
    """
    body = present(
        session_id=session_id,
        workspace_id=workspace_id,
        capabilities=None if capabilities is None else [*capabilities],
        least_priority=least_priority,
        lease_seconds=lease_seconds,
        wait_seconds=wait_seconds,
    )
    return Call(
        method="POST",
        path="/tasks/claim",
        shape=models.TaskClaimOut,
        then=attrgetter("claim"),
        body=encode(body),
        repeatable=True,
        timeout=(wait_seconds or 0) + 15,
    )


def heartbeat(session_id: str, run_id: str, *, lease_seconds: float | None = None) -> Call[models.TaskRun]:
    """Let the session's lease last so long from now on, which may be shorter than before."""
    return Call(
        method="POST",
        path=_path(run_id, "heartbeat"),
        shape=models.TaskRun,
        body=encode(present(session_id=session_id, lease_seconds=lease_seconds)),
        repeatable=True,
    )


def complete(session_id: str, run_id: str, output: Any = None) -> Call[models.TaskRun]:
    """Say that the run is done; the session goes on."""
    return send("POST", _path(run_id, "complete"), models.TaskRun, present(session_id=session_id, output=output))


def fail(session_id: str, run_id: str, error: str, *, metadata: Any = None) -> Call[models.TaskRun]:
    """Say that the run failed; whether another one is queued is not decided by that."""
    body = present(session_id=session_id, error=error, metadata=metadata)
    return send("POST", _path(run_id, "fail"), models.TaskRun, body)


def release(session_id: str, run_id: str, *, reason: str | None = None) -> Call[models.TaskRun]:
    """Give the run back to the queue, to the place it had."""
    return send("POST", _path(run_id, "release"), models.TaskRun, present(session_id=session_id, reason=reason))


def _path(run_id: str, verb: str) -> str:
    return f"/task-runs/{segment(run_id)}/{verb}"
