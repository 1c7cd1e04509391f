"""Projects, keys, and the server itself."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from runyard.dialects.native.wire.values import Name


class ProjectIn(msgspec.Struct, kw_only=True):
    """A project to make."""

    slug: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
    name: Name | None = None


class Project(msgspec.Struct, kw_only=True):
    """A tenant: every run, job and key belongs to one."""

    number: int
    slug: str
    name: str
    created_at: datetime


class KeyIn(msgspec.Struct, kw_only=True):
    """A key to make."""

    name: Name
    scopes: Annotated[list[str], Meta(min_length=1, max_length=32)]
    project: int | str | None = None
    dialect: Literal["native", "strait", "agh", "posthog", "bamboosnow"] = "native"
    expires_at: datetime | None = None


class Key(msgspec.Struct, kw_only=True):
    """An API key. `key` is shown when it is made and never again."""

    id: str
    name: str
    prefix: str
    scopes: list[str]
    project: str
    dialect: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    key: str | UnsetType = UNSET


class ServerInfo(msgspec.Struct, kw_only=True):
    """What server this is."""

    version: str
    engine: Literal["sqlite", "postgres"]
    schema: int
    uptime_seconds: float
