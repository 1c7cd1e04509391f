"""Requests about keys and projects, for admins."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from runyard.sdk import models
from runyard.sdk.call import Call, get, present, query, segment, send
from runyard.sdk.fields import ProjectSettings


def create(
    name: str,
    *,
    scopes: Iterable[str],
    project: int | str | None = None,
    dialect: str | None = None,
    expires_at: datetime | None = None,
) -> Call[models.Key]:
    """Make a key; the answer's `key` is never shown again."""
    body = present(name=name, scopes=[*scopes], project=project, dialect=dialect, expires_at=expires_at)
    return send("POST", "/keys", models.Key, body)


def list_all(*, limit: int | None = None) -> Call[models.Page[models.Key]]:
    """Keys, newest first."""
    return get("/keys", models.Page[models.Key], query(limit=limit))


def read(key_id: str) -> Call[models.Key]:
    """One key, without its secret."""
    return get(f"/keys/{segment(key_id)}", models.Key)


def revoke(key_id: str) -> Call[models.Key]:
    """End a key for good."""
    return send("DELETE", f"/keys/{segment(key_id)}", models.Key)


def rotate(key_id: str, *, grace_seconds: float | None = None) -> Call[models.Key]:
    """Make a key in the place of another, which stays good for an hour, or so long; its `key` is never shown again."""
    return send("POST", f"/keys/{segment(key_id)}/rotate", models.Key, present(grace_seconds=grace_seconds))


def list_connection_keys() -> Call[models.Page[models.ConnectionKey]]:
    """The keys that sign tokens for sandboxes: the one that signs now, then those it took the place of."""
    return get("/keys/connection", models.Page[models.ConnectionKey])


def rotate_connection_key() -> Call[models.ConnectionKey]:
    """Have another key sign from now on; sandboxes that know the old one are still signed by it."""
    return send("POST", "/keys/connection/rotate", models.ConnectionKey)


def create_project(
    slug: str, *, name: str | None = None, settings: ProjectSettings | None = None
) -> Call[models.Project]:
    """Make a project."""
    return send("POST", "/projects", models.Project, present(slug=slug, name=name, settings=settings))


def list_projects(*, limit: int | None = None) -> Call[models.Page[models.Project]]:
    """Every project."""
    return get("/projects", models.Page[models.Project], query(limit=limit))


def read_project(project: int | str) -> Call[models.Project]:
    """One project, by number or slug."""
    return get(f"/projects/{segment(project)}", models.Project)


def update_project(
    project: int | str, *, name: str | None = None, settings: ProjectSettings | None = None
) -> Call[models.Project]:
    """Change what is given of a project; settings that are not named stay as they are."""
    return send("PATCH", f"/projects/{segment(project)}", models.Project, present(name=name, settings=settings))


def delete_project(project: int | str) -> Call[None]:
    """Delete a project none of whose runs is live: its keys end at once, everything of it goes."""
    return send("DELETE", f"/projects/{segment(project)}", None)
