"""Sandboxes on the wire."""

from __future__ import annotations

from typing import Any

from runyard import sandbox
from runyard.dialects.native.mapping.values import when
from runyard.dialects.native.wire.sandboxes import Isolation, Sandbox, Sandboxes
from runyard.domain.slices import Slice
from runyard.engine.coding import sandboxes
from runyard.settings import Settings
from runyard.web.paging import cursor


def sandbox_out(found: sandboxes.Sandbox) -> Sandbox:
    """A sandbox on the wire."""
    state: Any = found.state
    return Sandbox(
        run_id=found.run_id,
        task_id=found.task_id,
        state=state,
        worker=found.worker,
        since=when(found.since),
        sandbox_id=found.sandbox_id,
        host=found.host,
        memory_mb=found.memory_mb,
    )


def sandboxes_out(found: Slice[sandboxes.Sandbox, str], settings: Settings) -> Sandboxes:
    """A page of them, and how this server shuts them in."""
    reason = sandbox.sandboxes(settings)
    isolation: Isolation = "none" if settings.sandbox_isolation == "none" else "bubblewrap"
    return Sandboxes(
        data=[sandbox_out(one) for one in found.rows],
        next_cursor=None if found.more is None else cursor(found.more),
        isolation=isolation if reason is None else "off",
        reason=reason,
    )
