"""How runs of agents did, on the wire."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from runyard.dialects.native.wire import agent_stats as wire
from runyard.engine.agent_stats import Spell, Sums
from runyard.web.values import EPOCH


def stats_out(period: Any, spell: Spell) -> wire.AgentStats:
    """A period and its days."""
    first = EPOCH.date() + timedelta(days=spell.first)
    return wire.AgentStats(
        period=period,
        whole=wire.AgentSums(**_sums(spell.whole)),
        days=[wire.AgentDay(date=str(first + timedelta(days=at)), **_sums(day)) for at, day in enumerate(spell.days)],
    )


def _sums(sums: Sums) -> dict[str, Any]:
    return {name: getattr(sums, name) for name in wire.AgentSums.__struct_fields__}
