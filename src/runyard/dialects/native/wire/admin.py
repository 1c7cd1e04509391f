"""Projects, keys, and the server itself."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from runyard.dialects.native.wire.values import Count, Name


class ProjectSettings(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What the project limits for all of its runs; null is no limit."""

    timezone: Annotated[str, Meta(min_length=1, max_length=128)] | UnsetType = UNSET
    """IANA zone of the day that daily budgets go by, and of schedules whose job names none."""
    max_queued: Count | None | UnsetType = UNSET
    max_running: Count | None | UnsetType = UNSET
    daily_cost_micro_usd: Count | None | UnsetType = UNSET
    """When it is used up, nothing new is triggered until the next day."""
    max_run_cost_micro_usd: Count | None | UnsetType = UNSET
    """For runs that name no limit of their own, as the next one."""
    max_run_tokens: Count | None | UnsetType = UNSET
    max_event_waits: Count | None | UnsetType = UNSET
    organization: Annotated[str, Meta(max_length=128)] | UnsetType = UNSET


class ProjectIn(msgspec.Struct, kw_only=True):
    """A project to make."""

    slug: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
    name: Name | None = None
    settings: ProjectSettings | UnsetType = UNSET


class ProjectPatch(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What to change of a project; settings that are left out stay as they are."""

    name: Name | UnsetType = UNSET
    settings: ProjectSettings | UnsetType = UNSET


class Project(msgspec.Struct, kw_only=True):
    """A tenant: every run, job and key belongs to one."""

    number: int
    slug: str
    name: str
    created_at: datetime
    settings: ProjectSettings


class RotateIn(msgspec.Struct, kw_only=True):
    """How long the old key stays good beside the new one."""

    grace_seconds: Annotated[float, Meta(ge=0, le=7 * 86400)] = 3600


class KeyIn(msgspec.Struct, kw_only=True):
    """A key to make."""

    name: Name
    scopes: Annotated[list[str], Meta(max_length=32)]
    """At least one; a key of the Strait dialect may have none, which is everything but `admin`."""
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
    replaced_by: str | None = None
    """The key in its place, when it was rotated; until `expires_at` both are good."""
    key: str | UnsetType = UNSET


class ServerInfo(msgspec.Struct, kw_only=True):
    """What server this is."""

    version: str
    engine: Literal["sqlite", "postgres"]
    schema: int
    uptime_seconds: float
