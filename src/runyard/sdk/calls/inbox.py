"""Requests about inboxes: what waits for the caller, and what they have seen of it."""

from __future__ import annotations

from runyard.sdk import models
from runyard.sdk.call import Call, get, query, segment, send
from runyard.sdk.task_fields import Lane, OwnerKind


def look(
    *,
    lane: Lane | None = None,
    workspace: str | None = None,
    no_workspace: bool | None = None,
    owner_kind: OwnerKind | None = None,
    owner: str | None = None,
    unread: bool | None = None,
    text: str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Call[models.Inbox]:
    """What waits for the caller, lane by lane, `limit` of each; with a lane's cursor, its next page alone."""
    found = query(
        lane=lane,
        workspace=workspace,
        no_workspace=no_workspace,
        owner_kind=owner_kind,
        owner=owner,
        unread=unread,
        query=text,
        limit=limit,
        cursor=cursor,
    )
    return get("/inbox", models.Inbox, found)


def read(task_id: str) -> Call[models.Triage]:
    """Note that the caller has read a task; something new makes it unread."""
    return _triage(task_id, "read")


def archive(task_id: str) -> Call[models.Triage]:
    """Put a task into the caller's archive, for good."""
    return _triage(task_id, "archive")


def dismiss(task_id: str) -> Call[models.Triage]:
    """Put a task out of the caller's sight until something happens to it."""
    return _triage(task_id, "dismiss")


def _triage(task_id: str, verb: str) -> Call[models.Triage]:
    return send("POST", f"/tasks/{segment(task_id)}/triage", models.Triage, {"verb": verb})
