"""Requests about coding tasks and their runs, about sandboxes, and about the threads that hear of runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Literal, Unpack

import uuid_utils

from runyard.sdk import models
from runyard.sdk.call import Call, get, present, query, segment, send, words
from runyard.sdk.coding_fields import CodingRunChanges, CodingRunFields, CodingTaskChanges, CodingTaskFields

TURN_SECONDS = 630.0
"""How long an answer is waited for: a little longer than the server waits for the agent."""

# -- tasks -------------------------------------------------------------------------------------------------------------


def create_task(description: str, **fields: Unpack[CodingTaskFields]) -> Call[models.CodingTask]:
    """Make a coding task, titled by its description where no title is given; nothing is started by that."""
    return send("POST", "/coding-tasks", models.CodingTask, {"description": description, **fields})


def list_tasks(
    *,
    state: str | Iterable[str] | None = None,
    repository: str | None = None,
    product: str | None = None,
    stage: str | None = None,
    text: str | None = None,
    limit: int | None = None,
) -> Call[models.Page[models.CodingTask]]:
    """Coding tasks, newest first; states are those of their latest runs, `text` a part of title or description."""
    wanted = query(
        product=product, repository=repository, stage=stage, state=words(state), query=text or None, limit=limit
    )
    return get("/coding-tasks", models.Page[models.CodingTask], wanted)


def read_task(task_id: str) -> Call[models.CodingTask]:
    """One coding task, with its latest run."""
    return get(_task(task_id), models.CodingTask)


def update_task(task_id: str, **changes: Unpack[CodingTaskChanges]) -> Call[models.CodingTask]:
    """Change what is given; None takes away."""
    return send("PATCH", _task(task_id), models.CodingTask, changes)


def delete_task(task_id: str) -> Call[None]:
    """Put a coding task out of sight, with its runs; those under way are canceled."""
    return send("DELETE", _task(task_id), None)


def run_task(task_id: str, **fields: Unpack[CodingRunFields]) -> Call[models.CodingRun]:
    """Make a run of a coding task, queued for a sandbox where nothing else is said."""
    return send("POST", f"{_task(task_id)}/runs", models.CodingRun, fields)


def runs_of_task(task_id: str, *, limit: int | None = None) -> Call[models.Page[models.CodingRun]]:
    """The runs of a coding task, newest first."""
    return get(f"{_task(task_id)}/runs", models.Page[models.CodingRun], query(limit=limit))


# -- runs --------------------------------------------------------------------------------------------------------------


def read_run(run_id: str) -> Call[models.CodingRun]:
    """What stands beside a run of a coding task."""
    return get(_run(run_id), models.CodingRun)


def update_run(run_id: str, **changes: Unpack[CodingRunChanges]) -> Call[models.CodingRun]:
    """Change what is said of a run; `outside` takes it out of its sandbox."""
    return send("PATCH", _run(run_id), models.CodingRun, changes)


def start_run(run_id: str, *, shared: dict[str, Any] | None = None) -> Call[models.CodingRun]:
    """Queue a run that is a draft for its sandbox."""
    return send("POST", f"{_run(run_id)}/start", models.CodingRun, present(shared=shared))


def reopen_run(run_id: str) -> Call[models.CodingRun]:
    """Begin a run anew in another sandbox: one that has ended, or that somebody works on outside."""
    return send("POST", f"{_run(run_id)}/reopen", models.CodingRun)


def say(
    run_id: str, text: str, *, artifact_ids: Iterable[str] = (), steer: bool = False, message_id: str | None = None
) -> Call[models.CodingAnswer]:
    """What the agent in the run's sandbox answers, when its turn ends; files of the run come with the message.

    With `steer` it is for the turn that the agent takes now, where the agent can hear it. Under one `message_id` (a new
    one where none is given) the agent gets it once, however often it is sent. Raises `Conflict` when the run has no
    sandbox.
    """
    files = list(artifact_ids)
    name = message_id or str(uuid_utils.uuid7())
    said = present(text=text, artifact_ids=files or None, steer=steer or None, message_id=name)
    return replace(send("POST", f"{_run(run_id)}/messages", models.CodingAnswer, said), timeout=TURN_SECONDS)


def interrupt(run_id: str) -> Call[None]:
    """Stop the turn that the agent takes, if there is one. Raises `Conflict` when the run has no sandbox."""
    return send("POST", f"{_run(run_id)}/interrupt", None)


def token(run_id: str, purpose: Literal["connection", "ingest"] = "connection") -> Call[models.CodingToken]:
    """A token for talking to the run's sandbox directly, or for a sandbox of one's own to tell its events."""
    return send("POST", f"{_run(run_id)}/tokens", models.CodingToken, {"for": purpose})


# -- sandboxes ---------------------------------------------------------------------------------------------------------


def list_sandboxes(*, limit: int | None = None) -> Call[models.Page[models.Sandbox]]:
    """The project's runs that have a sandbox now, the oldest first."""
    return get("/sandboxes", models.Page[models.Sandbox], query(limit=limit))


def isolation() -> Call[models.Sandboxes]:
    """How the server shuts sandboxes in, or why it opens none; with the first that are open."""
    return get("/sandboxes", models.Sandboxes)


# -- threads -----------------------------------------------------------------------------------------------------------


def set_thread(run_id: str, *, channel: str, thread: str, mention: str | None = None) -> Call[models.Thread]:
    """Let a Slack thread hear of a run: what its agent says, and how it ends."""
    return send("PUT", _thread(run_id), models.Thread, present(channel=channel, thread=thread, mention=mention))


def read_thread(run_id: str) -> Call[models.Thread]:
    """The thread that hears of a run. Raises `NotFound` where none does."""
    return get(_thread(run_id), models.Thread)


def drop_thread(run_id: str) -> Call[None]:
    """Let no thread hear of a run any more."""
    return send("DELETE", _thread(run_id), None)


def relays(run_id: str, *, limit: int | None = None) -> Call[models.Page[models.Relay]]:
    """What was to be said in a run's thread, and what became of it, newest first."""
    return get(f"/runs/{segment(run_id)}/relays", models.Page[models.Relay], query(limit=limit))


def _task(task_id: str) -> str:
    return f"/coding-tasks/{segment(task_id)}"


def _run(run_id: str) -> str:
    return f"/coding-runs/{segment(run_id)}"


def _thread(run_id: str) -> str:
    return f"/runs/{segment(run_id)}/thread"
