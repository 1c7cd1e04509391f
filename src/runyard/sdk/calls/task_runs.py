"""Requests about runs of tasks: what people do to them without a lease."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import Any, Literal

from runyard.sdk import models
from runyard.sdk.call import Call, encode, get, present, segment, send


def read(run_id: str) -> Call[models.TaskRunDetail]:
    """A run of a task with its task, and the session that has it."""
    return get(_run(run_id), models.TaskRunDetail)


def inspect(run_id: str) -> Call[models.Inspection]:
    """Where a run stands, and what is wrong with it."""
    return get(f"{_run(run_id)}/inspect", models.Inspection)


def claim(run_id: str) -> Call[models.TaskRun]:
    """Take a queued run without lease or session, though its task or the scheduler be paused."""
    return send("POST", f"{_run(run_id)}/claim", models.TaskRun)


def start(run_id: str) -> Call[models.TaskRun]:
    """Begin to work on a claimed run; one without a session is given one."""
    return send("POST", f"{_run(run_id)}/start", models.TaskRun)


def attach(run_id: str, session_id: str) -> Call[models.TaskRun]:
    """Bind a session to a run that was claimed or is starting, and has none."""
    return send("POST", f"{_run(run_id)}/attach", models.TaskRun, {"session_id": session_id})


def end(
    run_id: str,
    outcome: Literal["completed", "failed"],
    *,
    output: Any = None,
    error: str | None = None,
    metadata: Any = None,
) -> Call[models.TaskRun]:
    """End a run that nobody has under a lease; a failure says what went wrong."""
    body = {"outcome": outcome, **present(output=output, error=error, metadata=metadata)}
    return send("POST", f"{_run(run_id)}/end", models.TaskRun, body)


def cancel(run_id: str, *, reason: str | None = None, metadata: Any = None) -> Call[models.TaskRun]:
    """Cancel a run that has not ended, whoever has it; the session that works on it is asked to stop."""
    return send("POST", f"{_run(run_id)}/cancel", models.TaskRun, present(reason=reason, metadata=metadata))


def force_release(run_id: str, *, reason: str | None = None, metadata: Any = None) -> Call[models.TaskRun]:
    """Give a claimed run back to the queue without its lease."""
    return send("POST", f"{_run(run_id)}/force-release", models.TaskRun, present(reason=reason, metadata=metadata))


def force_fail(run_id: str, *, reason: str, metadata: Any = None) -> Call[models.TaskRun]:
    """Fail a queued or claimed run without its lease."""
    return send("POST", f"{_run(run_id)}/force-fail", models.TaskRun, present(reason=reason, metadata=metadata))


def retry(run_id: str, *, reason: str | None = None, metadata: Any = None) -> Call[models.Succession]:
    """Queue a run in the place of a failed one, which stays as it is; `metadata` is the new run's."""
    return send("POST", f"{_run(run_id)}/retry", models.Succession, present(reason=reason, metadata=metadata))


def recover(run_id: str, *, reason: str | None = None, metadata: Any = None) -> Call[models.Succession]:
    """Fail a run that needs attention and queue one in its place; `metadata` is the new run's."""
    return send("POST", f"{_run(run_id)}/recover", models.Succession, present(reason=reason, metadata=metadata))


def force_release_many(run_ids: Iterable[str], *, reason: str | None = None) -> Call[list[models.ForceResult]]:
    """Give up to 50 claimed runs back to the queue, each by itself."""
    return _many("release", present(run_ids=[*run_ids], reason=reason))


def force_fail_many(run_ids: Iterable[str], *, reason: str, metadata: Any = None) -> Call[list[models.ForceResult]]:
    """Fail up to 50 queued or claimed runs, each by itself."""
    return _many("fail", present(run_ids=[*run_ids], reason=reason, metadata=metadata))


def _many(verb: str, body: dict[str, Any]) -> Call[list[models.ForceResult]]:
    return Call(
        method="POST",
        path=f"/task-runs/force-{verb}",
        shape=models.ForceResults,
        then=attrgetter("results"),
        body=encode(body),
    )


def _run(run_id: str) -> str:
    return f"/task-runs/{segment(run_id)}"
