"""Agents as their public page has them (contract §5)."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, UnsetType

from runyard.dialects.bamboosnow.mapping.statuses import PLAIN
from runyard.dialects.bamboosnow.mapping.values import Place, one_of, seconds, shown, wanted
from runyard.dialects.bamboosnow.wire import agents as wire
from runyard.dialects.bamboosnow.wire.runs import Meta
from runyard.domain import hooks
from runyard.domain.agents import AgentProfile, AgentRun, AgentState
from runyard.domain.records import Run
from runyard.domain.repositories import Repository
from runyard.engine.agent_queries import Detail, Page, Standing, Wanted
from runyard.engine.agents import AgentPatch, NewAgent

STATUSES: dict[AgentState, wire.Status] = {
    AgentState.DEPLOYED: "active",
    AgentState.PAUSED: "paused",
    AgentState.FAILED: "error",
}
"""What lists show; agents in other states are not in them (contract §5.8)."""
_STATES: dict[str, AgentState] = {status: state for state, status in STATUSES.items()}


def status_out(state: AgentState) -> wire.Status:
    """How an agent stands; one that this surface has no word for takes no runs either."""
    return STATUSES.get(state, "paused")


def wanted_in(repository_id: str | None, template: str | None, status: str | None) -> Wanted:
    """Which agents are asked for. Raises `Invalid`."""
    one_of("status", status, tuple(_STATES))
    states = tuple(STATUSES) if status is None else (_STATES[status],)
    return Wanted(
        states=tuple(state.value for state in states), template=template, repository_id=wanted("repo", repository_id)
    )


def new_agent(asked: wire.AgentWrite) -> NewAgent:
    """An agent to make."""
    return NewAgent(
        name=asked.name,
        profile=AgentProfile(
            template=asked.template,
            repository_id=wanted("repo", asked.repository_id),
            triggers=said(asked.triggers),
            config=said(asked.config) or {},
        ),
    )


def patch_in(asked: wire.AgentPatch) -> AgentPatch:
    """What to change of an agent."""
    return AgentPatch(
        name=said(asked.name),
        triggers=said(asked.triggers),
        config=said(asked.config),
        state=None if asked.status is UNSET else _STATES[asked.status],
    )


def said(value: Any | UnsetType) -> Any:
    """What was said, None where nothing was."""
    return None if value is UNSET else value


def page_out(page: Page, place: Place) -> wire.AgentList:
    """A page of agents."""
    return wire.AgentList(
        data=[_summary_out(row) for row in page.rows],
        meta=Meta(total=page.total, page=place.page, per_page=place.per_page),
    )


def _summary_out(standing: Standing) -> wire.AgentSummary:
    agent, sums = standing.agent, standing.sums
    repository_id = agent.row.repository_id
    return wire.AgentSummary(
        id=shown("agent", agent.id),
        name=agent.name,
        template=agent.row.template,
        repository_id=None if repository_id is None else shown("repo", repository_id),
        status=status_out(agent.row.state),
        created_at=seconds(agent.row.created_at) or "",
        last_run_at=seconds(standing.last_run_at),
        runs_count=sums.total,
        success_rate=sums.success_rate(100) / 100,
    )


def detail_out(detail: Detail) -> wire.AgentDetail:
    """An agent."""
    agent, sums = detail.standing.agent, detail.standing.sums
    return wire.AgentDetail(
        id=shown("agent", agent.id),
        name=agent.name,
        template=agent.row.template,
        repository=_repository_out(detail.repository),
        status=status_out(agent.row.state),
        created_at=seconds(agent.row.created_at) or "",
        updated_at=seconds(agent.row.updated_at) or "",
        triggers=dict(hooks.triggers_of(agent.profile)),
        config=agent.profile.config,
        stats=wire.AgentStats(
            total_runs=sums.total,
            successful_runs=sums.succeeded,
            failed_runs=sums.failed,
            avg_duration_ms=sums.average_ms,
            issues_found=sums.findings,
        ),
        recent_runs=[_recent_out(row) for row in detail.recent],
    )


def _repository_out(repository: Repository | None) -> wire.AgentRepository | None:
    if repository is None:
        return None
    return wire.AgentRepository(id=shown("repo", repository.id), name=repository.full_name)


def _recent_out(row: AgentRun) -> wire.RecentRun:
    return wire.RecentRun(
        id=shown("run", row.run_id),
        status=PLAIN[row.phase],  # type: ignore[arg-type]
        pr_number=row.pr_number,
        completed_at=seconds(row.ended_at),
    )


def asked_out(run: Run) -> wire.Asked:
    """A run that was asked for."""
    return wire.Asked(run_id=shown("run", run.id), status="queued")
