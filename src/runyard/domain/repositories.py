"""Repositories that agents work on. Pure."""

from __future__ import annotations

import msgspec

from runyard.domain.records import Json


class Repository(msgspec.Struct, frozen=True, kw_only=True):
    """A repository a project is connected to; one that was disconnected stays for the runs that name it."""

    id: str
    project_id: int
    provider: str
    full_name: str
    """`owner/name`."""
    url: str | None
    """Where it is cloned from."""
    path: str | None
    """Where it lies on the machine of the built-in agents, below a folder they may read."""
    default_branch: str
    description: str | None
    language: str | None
    stack: Json | None
    private: int
    secret: str | None
    """Checks deliveries of the code host; sealed by the vault."""
    created_at: int
    updated_at: int
    synced_at: int | None
    deleted_at: int | None = None
    host_id: str | None = None
    """What its host calls it whatever its name; known once the host has told of it."""
