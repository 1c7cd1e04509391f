"""Requests about channels: what they are for, and what was said in them."""

from __future__ import annotations

from runyard.sdk import models
from runyard.sdk.call import Call, get, present, query, segment, send


def describe(
    name: str, *, workspace_id: str | None = None, display_name: str | None = None, purpose: str | None = None
) -> Call[models.Channel]:
    """Make a channel of a workspace or of none, or say anew what the one of this name is for."""
    body = present(name=name, workspace_id=workspace_id, display_name=display_name, purpose=purpose)
    return send("POST", "/channels", models.Channel, body)


def list_all(*, limit: int | None = None) -> Call[models.Page[models.Channel]]:
    """The channels of the project, by name."""
    return get("/channels", models.Page[models.Channel], query(limit=limit))


def read(name: str) -> Call[models.Channel]:
    """One channel."""
    return get(f"/channels/{segment(name)}", models.Channel)


def messages(name: str, *, limit: int | None = None) -> Call[models.Page[models.Message]]:
    """Everything that was said in a channel, oldest first, whomever it was for."""
    return get(f"/channels/{segment(name)}/messages", models.Page[models.Message], query(limit=limit))
