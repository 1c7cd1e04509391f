"""SQL of runs of agents as people watch them, and of their sums by day."""

from __future__ import annotations

from collections.abc import Sequence

from runyard.domain.agents import EVER, KEPT, TALLIED, AgentRun, Phase, Tally, day_of
from runyard.storage.port import Insert, Row, Tx, Update

FIELDS: tuple[str, ...] = AgentRun.__struct_fields__
COLUMNS = ", ".join(FIELDS)
_TEXTS = {"run_id", "job_id", "repository_id", "phase", "trigger", "event", "facts", "summary"}
_TYPES = {name: "text" if name in _TEXTS else "bigint" for name in FIELDS}
_MOVING = ("phase", "began_at", "ended_at", "effective_at", "findings_attempt")
_COUNTED = (
    "errors",
    "warnings",
    "infos",
    "findings_attempt",
    "files_reviewed",
    "lines_analyzed",
    "summary",
)
ADD = Insert("agent_runs", _TYPES)
FOLLOW = Update("agent_runs", {name: _TYPES[name] for name in _MOVING}, {"run_id": "text"})
COUNT = Update("agent_runs", {name: _TYPES[name] for name in _COUNTED}, {"run_id": "text"})
GET = f"SELECT {COLUMNS} FROM agent_runs WHERE run_id {{among ids}}"
DELETE = "DELETE FROM agent_runs WHERE run_id {among ids}"
SUMS = (*TALLIED, *(f"kept_{phase.value}" for phase in KEPT))
_KEY = {"project_id": "bigint", "day": "bigint", "job_id": "text", "repository_id": "text", "trigger": "text"}
DAYS = Insert(
    "agent_days",
    {**_KEY, **dict.fromkeys(SUMS, "bigint")},
    f"ON CONFLICT ({', '.join(_KEY)}) DO UPDATE SET "
    + ", ".join(f"{name} = agent_days.{name} + excluded.{name}" for name in SUMS),
)


def from_row(row: Row) -> AgentRun:
    """A row in the order of `FIELDS` as a record."""
    fields = dict(zip(FIELDS, row, strict=True))
    fields["phase"] = Phase(fields["phase"])
    return AgentRun(**fields)


def add(tx: Tx, rows: Sequence[AgentRun]) -> None:
    """Add rows."""
    tx.insert(ADD, [_values(row, FIELDS) for row in rows])


def get(tx: Tx, ids: Sequence[str]) -> dict[str, AgentRun]:
    """The rows of these runs, by run; runs that are of no agent are absent."""
    if not ids:
        return {}
    return {row.run_id: row for row in map(from_row, tx.rows(GET, ids=list(ids)))}


def follow(tx: Tx, rows: Sequence[AgentRun]) -> None:
    """Write how runs stand."""
    tx.update(FOLLOW, [(*_values(row, _MOVING), row.run_id) for row in rows])


def count(tx: Tx, row: AgentRun) -> None:
    """Write what was found in a run."""
    tx.update(COUNT, [(*_values(row, _COUNTED), row.run_id)])


def delete(tx: Tx, ids: Sequence[str]) -> None:
    """Delete the rows of these runs."""
    tx.run(DELETE, ids=list(ids))


def tally(tx: Tx, row: AgentRun, added: Tally) -> None:
    """Add to the sums of the run's day, and of all days, when the transaction is committed."""
    for day in (day_of(row), EVER):
        tx.tally(DAYS, (row.project_id, day, row.job_id, row.repository_id or "", row.trigger), added)


def _values(row: AgentRun, names: Sequence[str]) -> tuple[object, ...]:
    values = (getattr(row, name) for name in names)
    return tuple(value.value if isinstance(value, Phase) else value for value in values)
