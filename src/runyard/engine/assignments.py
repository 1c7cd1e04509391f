"""Assignments: what a run is to do, put together for its executor from its agent, its payload and its occasion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from runyard.domain.agents import CONFIG, RunFacts
from runyard.domain.records import Run
from runyard.domain.repositories import Repository
from runyard.engine import agent_runs, runs
from runyard.storage.port import Tx
from runyard.storage.statements import agent_runs as rows_sql
from runyard.storage.statements import agents as agents_sql
from runyard.storage.statements import repositories as repositories_sql


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """What a run is to do; the run of no agent has its payload and that is all."""

    run: Run
    trigger: str
    event: str | None = None
    template: str | None = None
    config: Mapping[str, Any]
    payload: Mapping[str, Any]
    repository: Repository | None = None
    facts: RunFacts = RunFacts()


def of_run(tx: Tx, project_id: int, run_id: str) -> Assignment:
    """What the run is to do. Raises `NotFound`."""
    run = runs.find(tx, project_id, run_id)
    payload = agent_runs.payload_of(run)
    config = config_of(run)
    row = rows_sql.get(tx, [run.id]).get(run.id)
    if row is None:
        return Assignment(run=run, trigger=run.trigger, config=config, payload=payload)
    agent = agents_sql.get(tx, [row.job_id]).get(row.job_id)
    repository = None
    if row.repository_id is not None:
        repository = repositories_sql.get(tx, [row.repository_id]).get(row.repository_id)
    return Assignment(
        run=run,
        trigger=row.trigger,
        event=row.event,
        template=None if agent is None else agent.template,
        config=config,
        payload=payload,
        repository=repository,
        facts=agent_runs.facts_in(row),
    )


def config_of(run: Run) -> Mapping[str, Any]:
    """The configuration that counts for the run."""
    metadata: dict[str, Any] = msgspec.json.decode(run.metadata) if run.metadata else {}
    config = metadata.get(CONFIG)
    return config if isinstance(config, dict) else {}
