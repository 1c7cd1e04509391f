"""Shapes of claims and lease calls (contract §7, §8)."""

from __future__ import annotations

import msgspec
from msgspec import Raw

from runyard.dialects.agh.wire.runs import Channel, Lease, Run
from runyard.dialects.agh.wire.tasks import Reference


class ClaimNextRequest(msgspec.Struct, kw_only=True):
    """Which work is asked for."""

    workspace_id: str | None = None
    required_capabilities: list[str] | None = None
    """What the caller offers besides what its session says it can do."""
    priority_min: int | None = None
    lease_seconds: int | None = None
    wait: bool | None = None
    idempotency_key: str | None = None


class HeartbeatRequest(msgspec.Struct, kw_only=True):
    """The caller lives."""

    lease_seconds: int | None = None


class CompleteRequest(msgspec.Struct, kw_only=True):
    """The run is done."""

    result: Raw = Raw(b"")


class FailRequest(msgspec.Struct, kw_only=True):
    """The run failed."""

    error: str = ""
    metadata: Raw = Raw(b"")


class ReleaseRequest(msgspec.Struct, kw_only=True):
    """Somebody else may have the run."""

    reason: str | None = None


class Claim(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A run handed out."""

    task: Reference
    run: Run
    lease: Lease
    coordination_channel: Channel | None = None


class ClaimAnswer(msgspec.Struct, kw_only=True):
    """A run handed out."""

    claim: Claim


class LeaseAnswer(msgspec.Struct, kw_only=True):
    """Who has a run, and until when."""

    lease: Lease
