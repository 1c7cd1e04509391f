"""Projects and keys."""

from __future__ import annotations

from msgspec import UNSET

from runyard.dialects.native import wire
from runyard.dialects.native.mapping.values import (
    maybe_when,
    when,
)
from runyard.domain import records


def project_out(project: records.Project) -> wire.Project:
    """A project on the wire."""
    return wire.Project(number=project.id, slug=project.slug, name=project.name, created_at=when(project.created_at))


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
        key=UNSET if secret is None else secret,
    )
