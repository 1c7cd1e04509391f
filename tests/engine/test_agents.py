"""Agents: how they are made, stand, are changed and go."""

from __future__ import annotations

from runyard.domain.agents import AgentState
from runyard.engine import agents
from runyard.storage.statements import agents as sql
from tests.support.yard import Yard


def test_the_agent_of_a_template_is_made_once(yard: Yard):
    for _ in range(2):
        yard.store.transact(agents.ensure, 1, "code-reviewer")
    rows = yard.store.look(lambda tx: tx.rows(f"SELECT {sql.COLUMNS} FROM agents"))
    (row,) = map(sql.from_row, rows)
    assert (row.template, row.state) == ("code-reviewer", AgentState.DEPLOYED)
    made = yard.store.look(agents.find, 1, row.job_id)
    assert (made.name, made.job.name, made.spec.executor, made.spec.queue) == (
        "code-reviewer",
        "code-reviewer",
        "agent",
        "code-reviewer",
    )
