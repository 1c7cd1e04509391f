"""Projects and keys."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, UnsetType

from runyard.dialects.native import wire
from runyard.dialects.native.mapping.values import (
    maybe_when,
    when,
)
from runyard.domain import records
from runyard.engine.projects import settings_of

_SETTINGS = {  # ours: the engine's
    "timezone": "timezone",
    "max_queued": "max_queued",
    "max_running": "max_running",
    "daily_cost_micro_usd": "daily_cost",
    "max_run_cost_micro_usd": "max_run_cost",
    "max_run_tokens": "max_run_tokens",
    "max_event_waits": "max_event_waits",
    "organization": "organization",
}


def settings_in(asked: wire.ProjectSettings | UnsetType) -> dict[str, Any]:
    """The settings of a project that were said."""
    if asked is UNSET:
        return {}
    said = {name: getattr(asked, ours) for ours, name in _SETTINGS.items()}
    return {name: value for name, value in said.items() if value is not UNSET}


def project_out(project: records.Project) -> wire.Project:
    """A project on the wire."""
    settings = settings_of(project)
    return wire.Project(
        number=project.id,
        slug=project.slug,
        name=project.name,
        created_at=when(project.created_at),
        settings=wire.ProjectSettings(**{ours: getattr(settings, name) for ours, name in _SETTINGS.items()}),
    )


def key_out(key: records.Key, slug: str, secret: str | None = None) -> wire.Key:
    """A key on the wire, with its secret when it was made now."""
    return wire.Key(
        id=key.id,
        name=key.name,
        prefix=key.prefix,
        scopes=list(key.scopes),
        project=slug,
        dialect=key.dialect or "native",
        created_at=when(key.created_at),
        expires_at=maybe_when(key.expires_at),
        revoked_at=maybe_when(key.revoked_at),
        last_used_at=maybe_when(key.last_used_at),
        replaced_by=key.replaced_by,
        key=UNSET if secret is None else secret,
    )
