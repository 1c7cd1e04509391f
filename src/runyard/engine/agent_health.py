"""How well an agent does lately, from the sums of its days and the costs of its newest runs."""

from __future__ import annotations

from runyard.domain import health as scores
from runyard.domain.agents import DAY
from runyard.domain.health import Facts, Health
from runyard.engine import agents
from runyard.engine.drafts import DEFAULT_TIMEOUT
from runyard.storage.port import Tx
from runyard.storage.statements import agent_queries as sql

COSTED = 200
"""Of how many runs costs are looked at, the newest ones."""


def health(tx: Tx, project_id: int, wanted: str) -> Health:
    """The scores of an agent over the last `WINDOW` days. Raises `NotFound`."""
    agent = agents.find(tx, project_id, wanted)
    today = tx.now // DAY
    first = today - scores.WINDOW + 1
    sums = sql.sums(tx, [agent.id], since=first).get(agent.id, sql.Sums())
    costs = sql.costs(tx, agent.id, since=first * DAY, n=COSTED)
    # A run that began before the window is no fresh one, but a new agent has had no time for any.
    last = sql.last_days(tx, [agent.id]).get(agent.id, first - 1)
    return scores.health(
        Facts(
            succeeded=sums.succeeded,
            failed=sums.failed,
            duration_ms=sums.duration_ms,
            durations=sums.durations,
            timeout_ms=(agent.spec.policy.timeout or DEFAULT_TIMEOUT) // 1000,
            cost=sum(costs),
            costs=len(costs),
            idle_days=today - max(last, agent.row.created_at // DAY),
        )
    )
