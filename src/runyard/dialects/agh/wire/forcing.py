"""Shapes of what operators force on runs (contract §10)."""

from __future__ import annotations

import msgspec
from msgspec import Raw

from runyard.dialects.agh.errors import Error
from runyard.dialects.agh.wire.runs import Run


class BulkForceRequest(msgspec.Struct, kw_only=True):
    """Runs, and why."""

    run_ids: list[str] = []
    reason: str | None = None
    metadata: Raw = Raw(b"")


class Item(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What became of one of many runs."""

    run_id: str
    ok: bool
    run: Run | None = None
    error: Error | None = None


class BulkForceAnswer(msgspec.Struct, kw_only=True):
    """What became of many runs, in their order."""

    results: list[Item]


class RetryAnswer(msgspec.Struct, kw_only=True):
    """A run, and the one that takes its place."""

    previous_run: Run
    run: Run
