"""The owner of the key, and API keys (contract §5, §6)."""

from __future__ import annotations

from uuid import UUID

from runyard.dialects.bamboosnow.mapping.values import seconds, shown
from runyard.dialects.bamboosnow.wire import account as wire
from runyard.domain import records
from runyard.engine.keys import NewKey

PLAN = "self-hosted"
USUAL = ("read", "write", "agents:run")
"""What a key may do when nobody says."""


def user_out(project: records.Project, key: records.Key | None) -> wire.User:
    """The project as the owner of a key; nobody reads mail under `.invalid` (RFC 2606)."""
    return wire.User(
        id=shown("user", str(UUID(int=project.id))),
        email=f"{project.slug}@runyard.invalid",
        name=project.name if key is None else key.name,
        avatar_url=None,
        github_username=None,
        plan=PLAN,
        created_at=seconds(project.created_at) or "",
    )


def key_out(key: records.Key) -> wire.ApiKey:
    """A key on the wire."""
    return wire.ApiKey(
        id=shown("key", key.id),
        name=key.name,
        prefix=key.prefix,
        last_used_at=seconds(key.last_used_at),
        expires_at=seconds(key.expires_at),
        created_at=seconds(key.created_at) or "",
    )


def created_out(made: NewKey) -> wire.CreatedApiKey:
    """A key that was just made, with its secret."""
    known = key_out(made.key)
    return wire.CreatedApiKey(
        id=known.id,
        name=known.name,
        prefix=known.prefix,
        last_used_at=known.last_used_at,
        expires_at=known.expires_at,
        created_at=known.created_at,
        key=made.secret,
    )
