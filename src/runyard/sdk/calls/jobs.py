"""Requests about jobs."""

from __future__ import annotations

from typing import Any, Unpack

import msgspec

from runyard.sdk import models
from runyard.sdk.call import Call, get, present, query, segment, send
from runyard.sdk.fields import Condition, JobFields, TriggerFields


def create(name: str, **fields: Unpack[JobFields]) -> Call[models.Job]:
    """Make a job."""
    return send("POST", "/jobs", models.Job, {"name": name, **fields})


def list_all(*, limit: int | None = None) -> Call[models.Page[models.Job]]:
    """Jobs, newest first."""
    return get("/jobs", models.Page[models.Job], query(limit=limit))


def read(job: str) -> Call[models.Job]:
    """One job, by name or id."""
    return get(f"/jobs/{segment(job)}", models.Job)


def update(job: str, **fields: Unpack[JobFields]) -> Call[models.Job]:
    """Change a job; every change but `enabled` makes a new version."""
    return send("PATCH", f"/jobs/{segment(job)}", models.Job, fields)


def delete(job: str) -> Call[None]:
    """Delete a job; its runs stay."""
    return send("DELETE", f"/jobs/{segment(job)}", None)


def versions(job: str, *, limit: int | None = None) -> Call[models.Page[models.JobVersion]]:
    """The versions of a job's definition."""
    return get(f"/jobs/{segment(job)}/versions", models.Page[models.JobVersion], query(limit=limit))


def health(job: str, *, hours: int | None = None) -> Call[models.JobHealth]:
    """How a job's runs fared that ended in the last week, or in so many hours."""
    return get(f"/jobs/{segment(job)}/health", models.JobHealth, query(hours=hours))


def dependencies(job: str, *, limit: int | None = None) -> Call[models.Page[models.Dependency]]:
    """What a job depends on, newest first."""
    return get(f"/jobs/{segment(job)}/dependencies", models.Page[models.Dependency], query(limit=limit))


def add_dependency(job: str, depends_on: str, *, condition: Condition | None = None) -> Call[models.Dependency]:
    """Let new runs of a job wait for another; between the same two the condition is changed."""
    body = present(depends_on=depends_on, condition=condition)
    return send("POST", f"/jobs/{segment(job)}/dependencies", models.Dependency, body)


def remove_dependency(job: str, dependency_id: str) -> Call[models.Dependency]:
    """Take a dependency away; runs that waited for it alone go on."""
    return send("DELETE", f"/jobs/{segment(job)}/dependencies/{segment(dependency_id)}", models.Dependency)


def trigger(
    job: str, payload: Any = msgspec.UNSET, **fields: Unpack[TriggerFields]
) -> Call[models.Triggered[models.Run]]:
    """Ask a job for a run as all its settings say: it may be put off, gathered with others, or known already."""
    given = {} if payload is msgspec.UNSET else {"payload": payload}
    return send("POST", f"/jobs/{segment(job)}/trigger", models.Triggered[models.Run], given | fields)


def schedules(*, count: int | None = None, limit: int | None = None) -> Call[models.Page[models.Schedule]]:
    """Enabled jobs that make runs by the clock, newest first, each with so many of its next times (3)."""
    return get("/schedules", models.Page[models.Schedule], query(count=count, limit=limit))


def schedule(job: str, *, count: int | None = None) -> Call[models.Schedule]:
    """When a job makes runs next."""
    return get(f"/jobs/{segment(job)}/schedule", models.Schedule, query(count=count))
