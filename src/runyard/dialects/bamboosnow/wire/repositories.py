"""Repositories (contract §5, §6)."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta


class Connect(msgspec.Struct, kw_only=True, rename="camel"):
    """A repository to connect the project to."""

    provider: Annotated[str, Meta(min_length=1, max_length=32)]
    full_name: Annotated[str, Meta(pattern=r"^[^/\s]+/[^/\s]+$", max_length=255)]


class Repository(msgspec.Struct, kw_only=True, rename="camel"):
    """A repository the project is connected to."""

    id: str
    provider: str
    full_name: str
    name: str
    owner: str
    default_branch: str
    description: str | None
    language: str | None
    detected_stack: dict[str, list[str]] | None
    is_private: bool
    last_synced_at: str | None
    created_at: str
    updated_at: str | None
