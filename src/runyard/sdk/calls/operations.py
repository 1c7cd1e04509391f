"""Requests about many runs at once and about the server: dead letter, bulk, journal, counts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from runyard.sdk import models
from runyard.sdk.call import Call, get, present, query, segment, send
from runyard.sdk.calls.runs import filtered
from runyard.sdk.fields import Action, RunFilter


def dead(
    *,
    job: str | None = None,
    error_class: str | None = None,
    resolved: bool | None = None,
    limit: int | None = None,
) -> Call[models.Page[models.Run]]:
    """Runs in the dead letter, newest first."""
    fields = query(job=job, error_class=error_class, resolved=resolved, limit=limit)
    return get("/dlq", models.Page[models.Run], fields)


def dead_groups(*, limit: int | None = None) -> Call[models.Page[models.DeadGroup]]:
    """The dead letter grouped by what went wrong."""
    return get("/dlq/groups", models.Page[models.DeadGroup], query(limit=limit))


def start_bulk(
    action: Action,
    *,
    ids: Iterable[str] | None = None,
    filter: RunFilter | None = None,
    dry_run: bool | None = None,
    reason: str | None = None,
) -> Call[models.Bulk]:
    """Apply a verb to many runs in the background: those named, or all that match."""
    body = present(
        action=action,
        ids=None if ids is None else [*ids],
        filter=None if filter is None else filtered(filter),
        dry_run=dry_run,
        reason=reason,
    )
    return send("POST", "/bulk", models.Bulk, body)


def list_bulk(*, limit: int | None = None) -> Call[models.Page[models.Bulk]]:
    """Bulk operations, newest first."""
    return get("/bulk", models.Page[models.Bulk], query(limit=limit))


def read_bulk(bulk_id: str) -> Call[models.Bulk]:
    """One bulk operation and how far it is."""
    return get(f"/bulk/{segment(bulk_id)}", models.Bulk)


def cancel_bulk(bulk_id: str) -> Call[models.Bulk]:
    """Stop a bulk operation; what it has done stays done."""
    return send("POST", f"/bulk/{segment(bulk_id)}/cancel", models.Bulk)


def events(
    *, after: int | None = None, type: str | None = None, limit: int | None = None
) -> Call[models.Page[models.Event]]:
    """The project's journal, oldest line first."""
    return get("/events", models.Page[models.Event], query(after=after, type=type, limit=limit))


def stats(*, since: datetime | str | None = None, job: str | None = None) -> Call[dict[str, Any]]:
    """Counts of runs by state."""
    return get("/stats", dict[str, Any], query(since=since, job=job))


def queues() -> Call[Any]:
    """The queues: how much is ready, held and running, and how old the oldest is."""
    return Call(method="GET", path="/queues", shape=Any)


def info() -> Call[dict[str, Any]]:
    """The server: version, engine, schema, uptime."""
    return get("/admin/info", dict[str, Any])
