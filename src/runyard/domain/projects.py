"""What a project limits for all of its runs."""

from __future__ import annotations

import msgspec


class ProjectSettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Quotas and defaults of a project; None is no limit."""

    timezone: str = "UTC"
    """IANA zone of the day that daily budgets go by, and of schedules whose job names none."""
    max_queued: int | None = None
    max_running: int | None = None
    daily_cost: int | None = None
    """Micro-USD a day; when it is used up, nothing new is triggered."""
    max_run_cost: int | None = None
    """Micro-USD a run, for runs whose policy names no limit."""
    max_run_tokens: int | None = None
    max_event_waits: int | None = None
    organization: str = ""
    """Who it belongs to, in the words of dialects that have organizations."""
