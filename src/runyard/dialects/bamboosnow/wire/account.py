"""The owner of the key, and API keys (contract §5, §6)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Scope = Literal["read", "write", "admin", "agents:run", "agents:configure", "repositories:manage"]


class User(msgspec.Struct, kw_only=True, rename="camel"):
    """Whose key it is. There are no people here: it is the key's project."""

    id: str
    email: str
    name: str | None
    avatar_url: str | None
    github_username: str | None
    plan: str
    created_at: str


class NewApiKey(msgspec.Struct, kw_only=True, rename="camel"):
    """A key to make."""

    name: Annotated[str, Meta(min_length=1, max_length=128)]
    expires_at: datetime | None = None
    scopes: Annotated[list[Scope], Meta(max_length=32)] | None = None
    """Unsaid: read, write and agents:run."""


class ApiKey(msgspec.Struct, kw_only=True, rename="camel"):
    """An API key without its secret."""

    id: str
    name: str
    prefix: str
    last_used_at: str | None
    expires_at: str | None
    created_at: str


class CreatedApiKey(ApiKey, kw_only=True, rename="camel"):
    """A key that was just made; `key` is in no other answer."""

    key: str
