"""How runs of agents did."""

from __future__ import annotations

from typing import Literal

import msgspec


class AgentSums(msgspec.Struct, kw_only=True):
    """What runs of agents come to; `total` counts canceled and unfinished ones too, `failed` timeouts."""

    total: int
    succeeded: int
    failed: int
    success_rate: float
    """Of those with a verdict, to three decimals; 0 when there is none."""
    mean_duration_ms: int
    findings: int
    errors: int
    warnings: int
    infos: int


class AgentDay(AgentSums, kw_only=True):
    """A day in UTC."""

    date: str


class AgentStats(msgspec.Struct, kw_only=True):
    """A period: all of it, and each of its days, today the last."""

    period: Literal["day", "week", "month"]
    whole: AgentSums
    days: list[AgentDay]
