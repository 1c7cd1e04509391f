"""Agents as people look at them: lists and single ones, with how their runs did. Nothing is asked agent by agent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Concatenate, ParamSpec

import msgspec

from runyard.domain.agents import DAY, AgentRow, AgentRun
from runyard.domain.repositories import Repository
from runyard.engine import agents
from runyard.engine.agents import Agent
from runyard.engine.specs import spec_of
from runyard.storage.port import Tx
from runyard.storage.statements import agent_queries as sql
from runyard.storage.statements import jobs, repositories
from runyard.storage.statements.agent_queries import Sums, Wanted

__all__ = [
    "RECENT",
    "Detail",
    "Page",
    "Standing",
    "Sums",
    "Wanted",
    "detail",
    "detail_after",
    "page",
    "page_before",
    "standing",
    "standing_after",
]

P = ParamSpec("P")

RECENT = 5
"""How many of its newest runs are shown with an agent."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """An agent, and how its runs did."""

    agent: Agent
    sums: Sums
    last_run_at: int | None
    """When its newest run began; to the day only, once that run was deleted by age."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Some agents of a list, and how many it has."""

    rows: list[Standing]
    total: int


class Detail(msgspec.Struct, frozen=True, kw_only=True):
    """An agent with its surroundings."""

    standing: Standing
    repository: Repository | None
    recent: list[AgentRun]


def page(tx: Tx, project_id: int, wanted: Wanted, *, offset: int, limit: int) -> Page:
    """Agents of the project, newest first."""
    total = sql.count(tx, project_id, wanted)
    rows = sql.page(tx, project_id, wanted, n=limit, offset=offset) if offset < total else []
    return Page(rows=_standings(tx, project_id, rows), total=total)


def page_before(
    tx: Tx, project_id: int, wanted: Wanted, *, before: tuple[int, str] | None, limit: int
) -> list[Standing]:
    """Agents of the project made before that time (and id), newest first."""
    if before is None:
        rows = sql.page(tx, project_id, wanted, n=limit)
    else:
        rows = sql.page_before(tx, project_id, wanted, before=before, n=limit)
    return _standings(tx, project_id, rows)


def standing(tx: Tx, project_id: int, wanted: str) -> Standing:
    """An agent by id or its job's name. Raises `NotFound`."""
    return _standing(tx, [agents.find(tx, project_id, wanted)])[0]


def standing_after(
    tx: Tx, op: Callable[Concatenate[Tx, int, P], Agent], project_id: int, *args: P.args, **kwargs: P.kwargs
) -> Standing:
    """The agent that an operation gives back. Raises what the operation raises."""
    return _standing(tx, [op(tx, project_id, *args, **kwargs)])[0]


def detail(tx: Tx, project_id: int, wanted: str) -> Detail:
    """An agent with its repository and newest runs. Raises `NotFound`."""
    return _detail(tx, standing(tx, project_id, wanted))


def detail_after(
    tx: Tx, op: Callable[Concatenate[Tx, int, P], Agent], project_id: int, *args: P.args, **kwargs: P.kwargs
) -> Detail:
    """The same of the agent that an operation gives back. Raises what the operation raises."""
    return _detail(tx, standing_after(tx, op, project_id, *args, **kwargs))


def _detail(tx: Tx, found: Standing) -> Detail:
    repository_id = found.agent.profile.repository_id
    repository = repositories.get(tx, [repository_id]).get(repository_id) if repository_id is not None else None
    return Detail(standing=found, repository=repository, recent=sql.recent(tx, found.agent.id, RECENT))


def _standings(tx: Tx, project_id: int, rows: Sequence[AgentRow]) -> list[Standing]:
    found = jobs.by_name_or_id(tx, project_id, [row.job_id for row in rows])
    known = [(row, found[row.job_id]) for row in rows if row.job_id in found]
    return _standing(tx, [Agent(job=job, spec=spec_of(job), row=row) for row, job in known])


def _standing(tx: Tx, found: Sequence[Agent]) -> list[Standing]:
    ids = [agent.id for agent in found]
    sums, last = sql.sums(tx, ids), sql.last(tx, ids)
    gone = sql.last_days(tx, [agent_id for agent_id in ids if agent_id in sums and agent_id not in last])
    return [
        Standing(
            agent=agent,
            sums=sums.get(agent.id, Sums()),
            last_run_at=last.get(agent.id, _day(gone.get(agent.id))),
        )
        for agent in found
    ]


def _day(day: int | None) -> int | None:
    return None if day is None else day * DAY
