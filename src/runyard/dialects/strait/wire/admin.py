"""API keys and projects (contract §24)."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from runyard.dialects.strait.wire.values import Time

Scope = Literal[
    "*",
    "jobs:read",
    "jobs:write",
    "jobs:trigger",
    "runs:read",
    "runs:write",
    "workflows:read",
    "workflows:write",
    "workflows:trigger",
    "secrets:read",
    "secrets:write",
    "webhooks:read",
    "webhooks:write",
    "api-keys:manage",
    "rbac:manage",
    "stats:read",
    "projects:read",
    "projects:write",
    "projects:manage",
]


class CreateAPIKeyRequest(msgspec.Struct, kw_only=True):
    """A key to make; no scopes are full access."""

    name: Annotated[str, Meta(min_length=1, max_length=128)]
    project_id: str | None = None
    """The key's own project; may be left out."""
    scopes: Annotated[list[Scope], Meta(max_length=32)] | None = None
    expires_in_days: Annotated[int, Meta(ge=1, le=36500)] | None = None


class APIKey(msgspec.Struct, kw_only=True):
    """A key without its secret."""

    id: str
    project_id: str
    name: str
    key_prefix: str
    scopes: list[str]
    created_at: Time
    expires_at: Time | UnsetType = UNSET
    last_used_at: Time | UnsetType = UNSET
    revoked_at: Time | UnsetType = UNSET
    replaced_by_key_id: str | UnsetType = UNSET
    grace_expires_at: Time | UnsetType = UNSET


class CreateAPIKeyResponse(msgspec.Struct, kw_only=True):
    """A key with its secret, which is in no other answer."""

    id: str
    project_id: str
    name: str
    key: str
    key_prefix: str
    scopes: list[str]
    created_at: Time
    expires_at: Time | UnsetType = UNSET


class RotateAPIKeyRequest(msgspec.Struct, kw_only=True):
    """How long the old key stays good."""

    grace_period_minutes: Annotated[int, Meta(ge=0, le=10_080)] | None = None


class RotateAPIKeyResponse(msgspec.Struct, kw_only=True):
    """The key in the place of another, with its secret."""

    old_key_id: str
    new_key_id: str
    project_id: str
    name: str
    key: str
    key_prefix: str
    scopes: list[str]
    expires_at: Time | None
    created_at: Time
    grace_expires_at: Time


class CreateProjectRequest(msgspec.Struct, kw_only=True):
    """A project to make, under an id of the caller's choice."""

    id: Annotated[str, Meta(min_length=1, max_length=128)]
    org_id: Annotated[str, Meta(min_length=1, max_length=128)]
    name: Annotated[str, Meta(min_length=2, max_length=128)]


class Project(msgspec.Struct, kw_only=True):
    """A tenant."""

    id: str
    org_id: str
    name: str
    created_at: Time
    updated_at: Time
