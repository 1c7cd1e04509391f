"""How runs of agents did over the last days."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from litestar import get
from litestar.params import QueryParameter

from runyard.dialects.native.mapping import agent_stats as mapping
from runyard.dialects.native.mapping import lenient_id
from runyard.dialects.native.wire import agent_stats as wire
from runyard.domain.watching import Watch
from runyard.engine import agent_stats
from runyard.web.call import Call

Agent = Annotated[str | None, QueryParameter(description="Only runs of the agent with this id.")]
Repository = Annotated[str | None, QueryParameter(description="Only runs about the repository with this id.")]


@get("/v1/stats/agents", needs="runs:read")
async def get_agent_stats(
    call: Call,
    period: Literal["day", "week", "month"] = "week",
    agent: Agent = None,
    repository: Repository = None,
) -> wire.AgentStats:
    """How runs of agents did today, or over 7 or 30 days up to today, in UTC; each on the day on which it began.

    The numbers are exact, and stay when runs are deleted by age. Of what is not known there are none.
    """
    watch = Watch(
        project_id=call.project_id,
        agent_id=None if agent is None else lenient_id(agent),
        repository_id=None if repository is None else lenient_id(repository),
    )
    return mapping.stats_out(period, await call.read(agent_stats.over, watch, period))


HANDLERS: list[Any] = [get_agent_stats]
