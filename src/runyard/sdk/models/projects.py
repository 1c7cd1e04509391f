"""Projects and their keys."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from runyard.sdk.models.model import Model


class Project(Model, frozen=True, kw_only=True):
    """A tenant: every run, job and key belongs to one."""

    number: int
    slug: str
    name: str = ""
    created_at: datetime | None = None
    settings: dict[str, Any] = {}


class ConnectionKey(Model, frozen=True, kw_only=True):
    """A key that signs tokens for sandboxes, as its public half."""

    id: str
    algorithm: str = ""
    public_key: str = ""
    created_at: datetime | None = None
    retired_at: datetime | None = None


class Key(Model, frozen=True, kw_only=True):
    """An API key; `key` is shown when it is made and never again."""

    id: str
    name: str = ""
    prefix: str = ""
    scopes: list[str] = []
    project: str = ""
    dialect: str = "native"
    created_at: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    replaced_by: str | None = None
    key: str | None = None
