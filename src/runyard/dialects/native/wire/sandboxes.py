"""Sandboxes that are open now."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from runyard.dialects.native.wire.values import Page

Isolation = Literal["bubblewrap", "none", "off"]


class Sandbox(msgspec.Struct, kw_only=True):
    """A run in a sandbox, or in one that is being opened."""

    run_id: str
    task_id: str
    state: Literal["claimed", "starting", "running"]
    worker: str | None
    """The server that keeps it."""
    since: datetime
    sandbox_id: str | None
    host: str | None
    """Where its agent server is reached from that server; null until it is ready."""
    memory_mb: float | None
    """What it held when it was last looked at."""


class Sandboxes(Page[Sandbox], kw_only=True):
    """A page of sandboxes, and how this server shuts them in."""

    isolation: Isolation
    """`off` means that this server opens none."""
    reason: str | None
    """Why it opens none."""
