"""SQL of agents as they are listed, and of how their runs did."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.domain.agents import EVER, AgentRow, AgentRun
from runyard.storage.port import Tx, Value
from runyard.storage.sql import FOREVER
from runyard.storage.statements import agent_runs, agents

_TOTAL = ("total", "succeeded", "failed", "duration_ms", "durations", "errors", "warnings", "infos")
# PostgreSQL sums whole numbers into its wide, slow ones.
_SUMS = ", ".join(f"CAST(SUM({name}) AS BIGINT)" for name in _TOTAL)
SUMS = (  # by the index agent_days_job
    f"SELECT job_id, {_SUMS} FROM agent_days "
    "WHERE job_id {among ids} AND day >= :first AND day <= :last GROUP BY job_id"
)
# By the same index, a look for each agent.
LAST_DAY = (
    "SELECT job_id, (SELECT day FROM agent_days WHERE agent_days.job_id = agents.job_id AND day >= 0 AND total > 0 "
    "ORDER BY day DESC LIMIT 1) FROM agents WHERE job_id {among ids}"
)
# By the index agent_runs_job, a look for each agent.
LAST = (
    "SELECT job_id, (SELECT effective_at FROM agent_runs WHERE agent_runs.job_id = agents.job_id "
    "ORDER BY effective_at DESC, run_id DESC LIMIT 1) FROM agents WHERE job_id {among ids}"
)
RECENT = (
    f"SELECT {agent_runs.COLUMNS} FROM agent_runs WHERE job_id = :job_id "
    "ORDER BY effective_at DESC, run_id DESC LIMIT :n"
)
COSTS = (
    "SELECT runs.cost_micro_usd FROM agent_runs JOIN runs ON runs.id = agent_runs.run_id "
    "WHERE agent_runs.job_id = :job_id AND agent_runs.effective_at >= :since AND agent_runs.ended_at IS NOT NULL "
    "ORDER BY agent_runs.effective_at DESC, agent_runs.run_id DESC LIMIT :n"
)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which agents are listed; None is whichever."""

    states: tuple[str, ...] | None = None
    template: str | None = None
    repository_id: str | None = None


class Sums(msgspec.Struct, frozen=True):
    """How the runs of an agent did, all together."""

    total: int = 0
    succeeded: int = 0
    failed: int = 0
    duration_ms: int = 0
    durations: int = 0
    errors: int = 0
    warnings: int = 0
    infos: int = 0

    @property
    def findings(self) -> int:
        """How many findings counted."""
        return self.errors + self.warnings + self.infos

    @property
    def average_ms(self) -> int:
        """How long a run took on average, rounded half up; 0 where none has begun and ended."""
        return (2 * self.duration_ms + self.durations) // (2 * self.durations) if self.durations else 0

    def success_rate(self, parts: int) -> int:
        """The part of the runs with a verdict that did well, in so many parts, rounded half up; 0 without a verdict."""
        judged = self.succeeded + self.failed
        return (2 * parts * self.succeeded + judged) // (2 * judged) if judged else 0


def page(tx: Tx, project_id: int, wanted: Wanted, *, n: int, offset: int = 0) -> list[AgentRow]:
    """Agents, newest first."""
    rows = tx.rows(page_text(wanted), n=n, offset=offset, **_params(project_id, wanted))
    return [agents.from_row(row) for row in rows]


def page_before(tx: Tx, project_id: int, wanted: Wanted, *, before: tuple[int, str], n: int) -> list[AgentRow]:
    """Agents made before a time (those of that very time by id), newest first."""
    text = page_text(wanted, before=True)
    rows = tx.rows(text, n=n, offset=0, at=before[0], id=before[1], **_params(project_id, wanted))
    return [agents.from_row(row) for row in rows]


def count(tx: Tx, project_id: int, wanted: Wanted) -> int:
    """How many agents there are."""
    row = tx.row(count_text(wanted), **_params(project_id, wanted))
    return int(row[0]) if row else 0


def page_text(wanted: Wanted, *, before: bool = False) -> str:
    """By one of the indexes agents_project, agents_template and agents_repository."""
    place = " AND (created_at, job_id) < (:at, :id)" if before else ""
    return (
        f"SELECT {agents.COLUMNS} FROM agents WHERE {_where(wanted)}{place} "
        "ORDER BY created_at DESC, job_id DESC LIMIT :n OFFSET :offset"
    )


def count_text(wanted: Wanted) -> str:
    """By the same indexes."""
    return f"SELECT COUNT(*) FROM agents WHERE {_where(wanted)}"


def _where(wanted: Wanted) -> str:
    parts = ["project_id = :project_id", "deleted_at IS NULL"]
    if wanted.states is not None:
        parts.append("state {among states}")
    if wanted.template is not None:
        parts.append("template = :template")
    if wanted.repository_id is not None:
        parts.append("repository_id = :repository_id")
    return " AND ".join(parts)


def _params(project_id: int, wanted: Wanted) -> dict[str, Value]:
    said: dict[str, Value] = {
        "states": None if wanted.states is None else list(wanted.states),
        "template": wanted.template,
        "repository_id": wanted.repository_id,
    }
    return {"project_id": project_id, **{name: value for name, value in said.items() if value is not None}}


def sums(tx: Tx, ids: Sequence[str], *, since: int | None = None) -> dict[str, Sums]:
    """How the runs of these agents did, ever or from a day on; agents without runs are absent."""
    if not ids:
        return {}
    first, last = (EVER, EVER) if since is None else (since, FOREVER)
    return {row[0]: Sums(*row[1:]) for row in tx.rows(SUMS, ids=list(ids), first=first, last=last)}


def last_days(tx: Tx, ids: Sequence[str]) -> dict[str, int]:
    """The last day since 1970 that counts a run of each of these agents; those without are absent."""
    rows = tx.rows(LAST_DAY, ids=list(ids)) if ids else []
    return {row[0]: int(row[1]) for row in rows if row[1] is not None}


def last(tx: Tx, ids: Sequence[str]) -> dict[str, int]:
    """When the newest run of each of these agents began, or was made while it has not; those without are absent."""
    rows = tx.rows(LAST, ids=list(ids)) if ids else []
    return {row[0]: int(row[1]) for row in rows if row[1] is not None}


def recent(tx: Tx, job_id: str, n: int) -> list[AgentRun]:
    """The newest runs of an agent."""
    return [agent_runs.from_row(row) for row in tx.rows(RECENT, job_id=job_id, n=n)]


def costs(tx: Tx, job_id: str, *, since: int, n: int) -> list[int]:
    """What the newest runs of an agent cost that have ended, in micro-USD."""
    return [int(row[0]) for row in tx.rows(COSTS, job_id=job_id, since=since, n=n)]
