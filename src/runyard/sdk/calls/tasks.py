"""Requests about tasks: make them, look at them, act on them."""

from __future__ import annotations

from typing import Any, Unpack

from runyard.sdk import models
from runyard.sdk.call import Call, get, present, query, segment, send
from runyard.sdk.task_fields import OwnerKind, ProfileFields, RunWishes, TaskChanges, TaskFields, TaskFilter


def create(title: str, **fields: Unpack[TaskFields]) -> Call[models.Task]:
    """Make a task; nothing is queued by that."""
    return send("POST", "/tasks", models.Task, {"title": title, **fields})


def list_all(*, limit: int | None = None, **filters: Unpack[TaskFilter]) -> Call[models.Page[models.Task]]:
    """Tasks, the latest activity first; drafts only where they are asked for."""
    return get("/tasks", models.Page[models.Task], query(**filters, limit=limit))


def read(task_id: str) -> Call[models.Task]:
    """One task."""
    return get(_task(task_id), models.Task)


def update(task_id: str, **changes: Unpack[TaskChanges]) -> Call[models.Task]:
    """Change what is given; None takes away."""
    return send("PATCH", _task(task_id), models.Task, changes)


def delete(task_id: str) -> Call[None]:
    """Delete a task that has no children and no run under way, with its runs and everything else of it."""
    return send("DELETE", _task(task_id), None)


def tree(task_id: str) -> Call[models.TaskTree]:
    """A task with all below it."""
    return get(f"{_task(task_id)}/tree", models.TaskTree)


def runs(task_id: str) -> Call[models.Page[models.TaskRun]]:
    """The runs of a task, the newest first."""
    return get(f"{_task(task_id)}/runs", models.Page[models.TaskRun])


def timeline(task_id: str, *, limit: int | None = None) -> Call[models.Page[models.TaskEvent]]:
    """What happened to a task, oldest first."""
    return get(f"{_task(task_id)}/timeline", models.Page[models.TaskEvent], query(limit=limit))


def stream_path(task_id: str) -> str:
    """Where everything that happens to a task and below it is followed."""
    return f"{_task(task_id)}/stream"


def inspect(task_id: str) -> Call[models.Inspection]:
    """Where a task stands, what is wrong with its latest run, and what it waits for."""
    return get(f"{_task(task_id)}/inspect", models.Inspection)


def publish(task_id: str, **wishes: Unpack[RunWishes]) -> Call[models.AskedRun]:
    """Make a draft a task, and queue a run of it; asked again while that is open, it is the answer."""
    return _ask(task_id, "publish", wishes)


def start(task_id: str, **wishes: Unpack[RunWishes]) -> Call[models.AskedRun]:
    """Queue a run of a task that nothing blocks; asked again while that is open, it is the answer."""
    return _ask(task_id, "start", wishes)


def enqueue(task_id: str, **wishes: Unpack[RunWishes]) -> Call[models.AskedRun]:
    """Queue a run of a task, which no session is given while the task is blocked or paused."""
    return _ask(task_id, "runs", wishes)


def approve(task_id: str, **wishes: Unpack[RunWishes]) -> Call[models.AskedRun]:
    """Say yes to a task that waits for it, and queue a run; where none can be queued, nothing is decided."""
    return _ask(task_id, "approve", wishes)


def reject(task_id: str) -> Call[models.Task]:
    """Say no to a task that waits for a yes; it stays blocked until its approval policy is changed."""
    return send("POST", f"{_task(task_id)}/reject", models.Task)


def pause(task_id: str, *, reason: str, metadata: Any = None) -> Call[models.Task]:
    """Hand out nothing of a task and of those below it; what is worked on goes on."""
    return send("POST", f"{_task(task_id)}/pause", models.Task, present(reason=reason, metadata=metadata))


def resume(task_id: str, *, metadata: Any = None) -> Call[models.Task]:
    """Lift a task's own pause; one of a task above stays."""
    return send("POST", f"{_task(task_id)}/resume", models.Task, present(metadata=metadata))


def cancel(task_id: str, *, reason: str | None = None, metadata: Any = None) -> Call[models.Task]:
    """Cancel a task with its run, and all below it that has not ended."""
    return send("POST", f"{_task(task_id)}/cancel", models.Task, present(reason=reason, metadata=metadata))


def dependencies(task_id: str) -> Call[models.Page[models.TaskDependency]]:
    """The tasks that a task waits for."""
    return get(f"{_task(task_id)}/dependencies", models.Page[models.TaskDependency])


def add_dependency(task_id: str, depends_on: str) -> Call[models.Task]:
    """Let a task wait until another one is completed."""
    return send("POST", f"{_task(task_id)}/dependencies", models.Task, {"depends_on": depends_on})


def remove_dependency(task_id: str, depends_on: str) -> Call[models.Task]:
    """Let a task wait for another one no longer; nothing else in the way, it is ready."""
    return send("DELETE", f"{_task(task_id)}/dependencies/{segment(depends_on)}", models.Task)


def profile(task_id: str) -> Call[models.TaskProfile]:
    """The task's profile, or what a task without one has."""
    return get(f"{_task(task_id)}/profile", models.TaskProfile)


def set_profile(task_id: str, **parts: Unpack[ProfileFields]) -> Call[models.TaskProfile]:
    """Give the task this profile in place of any other; refused while somebody has a run of it."""
    return send("PUT", f"{_task(task_id)}/profile", models.TaskProfile, parts)


def delete_profile(task_id: str) -> Call[None]:
    """Take the task's profile away; refused while somebody has a run of it."""
    return send("DELETE", f"{_task(task_id)}/profile", None)


def stats(
    *,
    workspace: str | None = None,
    no_workspace: bool | None = None,
    owner_kind: OwnerKind | None = None,
    owner: str | None = None,
    channel: str | None = None,
    origin: str | None = None,
) -> Call[models.TaskStats]:
    """How the tasks that meet every filter stand, and whether anything is wrong with their runs."""
    found = query(
        workspace=workspace,
        no_workspace=no_workspace,
        owner_kind=owner_kind,
        owner=owner,
        channel=channel,
        origin=origin,
    )
    return get("/tasks/stats", models.TaskStats, found)


def _ask(task_id: str, verb: str, wishes: RunWishes) -> Call[models.AskedRun]:
    return send("POST", f"{_task(task_id)}/{verb}", models.AskedRun, wishes)


def _task(task_id: str) -> str:
    return f"/tasks/{segment(task_id)}"
