"""Keys and projects."""

from __future__ import annotations

from msgspec import UNSET

from runyard.dialects.strait.auth import scopes_of
from runyard.dialects.strait.mapping.values import SECOND, maybe, maybe_when, when
from runyard.dialects.strait.wire import admin as wire
from runyard.domain import records
from runyard.engine.keys import NewKey, Rotation
from runyard.engine.projects import settings_of

DAY = 86400 * SECOND
MINUTE = 60 * SECOND
GRACE = 60
"""Minutes a rotated key stays good unless the request says otherwise."""


def scopes_out(key: records.Key) -> list[str]:
    """The key's scopes in the words of this dialect, as they were given where they were given in them."""
    if "admin" in key.scopes:
        return ["*"]
    return list(key.scopes) if key.dialect == "strait" else sorted(scopes_of(key))


def key_out(key: records.Key, slug: str) -> wire.APIKey:
    """A key on the wire."""
    return wire.APIKey(
        id=key.id,
        project_id=slug,
        name=key.name,
        key_prefix=key.prefix,
        scopes=scopes_out(key),
        created_at=when(key.created_at),
        expires_at=maybe_when(key.expires_at),
        last_used_at=maybe_when(key.last_used_at),
        revoked_at=maybe_when(key.revoked_at),
        replaced_by_key_id=maybe(key.replaced_by),
        grace_expires_at=maybe_when(key.expires_at) if key.replaced_by is not None else UNSET,
    )


def new_key_out(made: NewKey, slug: str) -> wire.CreateAPIKeyResponse:
    """A key that was made now, with its secret."""
    key = made.key
    return wire.CreateAPIKeyResponse(
        id=key.id,
        project_id=slug,
        name=key.name,
        key=made.secret,
        key_prefix=key.prefix,
        scopes=scopes_out(key),
        created_at=when(key.created_at),
        expires_at=maybe_when(key.expires_at),
    )


def rotation_out(done: Rotation, slug: str) -> wire.RotateAPIKeyResponse:
    """The new key, and until when the old one is good."""
    key = done.new.key
    return wire.RotateAPIKeyResponse(
        old_key_id=done.old.id,
        new_key_id=key.id,
        project_id=slug,
        name=key.name,
        key=done.new.secret,
        key_prefix=key.prefix,
        scopes=scopes_out(key),
        expires_at=None if key.expires_at is None else when(key.expires_at),
        created_at=when(key.created_at),
        grace_expires_at=when(done.old.expires_at or done.old.created_at),
    )


def project_out(project: records.Project) -> wire.Project:
    """A project on the wire."""
    return wire.Project(
        id=project.slug,
        org_id=settings_of(project).organization,
        name=project.name,
        created_at=when(project.created_at),
        updated_at=when(project.created_at),
    )
