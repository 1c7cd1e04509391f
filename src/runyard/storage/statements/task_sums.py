"""SQL of how all tasks stand: their sums, which are always exact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from runyard.domain.task_sums import LANES, RUN_SUMS, TASK_SUMS, TRIAGED
from runyard.domain.tasks import counted_as
from runyard.storage.port import Ask, Row, Tx, Value


class Where(msgspec.Struct, frozen=True, kw_only=True):
    """Which tasks and runs are meant; what is None is not looked at. Both must have the channel and the origin."""

    project_id: int
    workspace_id: str | None = None
    """'' for tasks of no workspace."""
    owner_kind: str | None = None
    owner_ref: str | None = None
    channel: str | None = None
    origin_kind: str | None = None

    @property
    def named(self) -> set[str]:
        """What is looked at besides the project."""
        return {name for name, value in msgspec.structs.asdict(self).items() if value is not None} - {"project_id"}

    @property
    def values(self) -> dict[str, Value]:
        """The parameters of the conditions."""
        return {"project_id": self.project_id, **{name: getattr(self, name) for name in self.named}}


class RunSums(msgspec.Struct, frozen=True, kw_only=True):
    """How many runs there are at each stage and how long they took to get there, a column for each, kind by kind."""

    counted: Sequence[int]
    """What each kind is counted under."""
    channels: Sequence[str]
    columns: Mapping[str, Sequence[int]]

    def total(self, name: str) -> int:
        """The sum over all kinds."""
        return sum(self.columns[name])

    def kinds(self, name: str) -> list[int]:
        """The kinds that have any."""
        return [counted for counted, sum_of in zip(self.counted, self.columns[name], strict=True) if sum_of]


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How tasks and their runs stand."""

    tasks: Mapping[str, int]
    """How many there are of each kind, by the name of the sum."""
    runs: RunSums
    last_at: int | None
    """When something last happened to any of the tasks."""


_TASKS_WHERE = {
    "workspace_id": " AND workspace_id = :workspace_id",
    "owner_kind": " AND owner_kind = :owner_kind",
    "owner_ref": " AND owner_ref = :owner_ref",
    "channel": " AND channel = :channel",
    "origin_kind": " AND origin_kind = :origin_kind",
}
_RUNS_WHERE = {
    **_TASKS_WHERE,
    "channel": " AND channel = :channel AND run_channel = :channel",
    "origin_kind": " AND origin_kind = :origin_kind AND run_origin_kind = :origin_kind",
}
_RUN_KEY = "workspace_id, owner_kind, owner_ref, channel, origin_kind, run_channel, run_origin_kind"
"""What kinds of runs are told apart by, besides the project."""
_KEYS = len(_RUN_KEY.split(", "))
_CHANNEL = _RUN_KEY.split(", ").index("run_channel")
_SHOWN = tuple(name for name in TASK_SUMS if name not in LANES + TRIAGED)
TASKS = (
    f"SELECT {', '.join(f'COALESCE(SUM({name}), 0)' for name in _SHOWN)} FROM task_sums WHERE project_id = :project_id"
)
RUNS = f"SELECT {_RUN_KEY}, {', '.join(RUN_SUMS)} FROM task_run_sums WHERE project_id = :project_id"

_LAST = "SELECT active_at FROM tasks WHERE project_id = :project_id{} ORDER BY {}active_at DESC, id DESC LIMIT 1"
LAST = _LAST.format("", "")  # index tasks_active, which holds what tasks are counted under too
# A truth and not a condition, for PostgreSQL: so it hashes the many numbers once, and keeps to the order of the index.
LAST_COUNTED = _LAST.format(
    " AND (counted IN (SELECT s.counted FROM task_sums s WHERE s.project_id = :project_id{})) IS TRUE", ""
)
LAST_WORKSPACE = _LAST.format(" AND workspace_id = :workspace_id", "")  # index tasks_workspace
# The same. To PostgreSQL what is NULL is not all equal, unless it is part of the order.
LAST_NO_WORKSPACE = _LAST.format(" AND workspace_id IS NULL", "workspace_id DESC, ")
LAST_OWNER = _LAST.format(" AND owner_kind = :owner_kind AND owner_ref = :owner_ref", "")  # index tasks_owner


def standing(tx: Tx, where: Where) -> Standing:
    """How many tasks and runs there are of each kind, and when something last happened to any of the tasks."""
    last, params = _last(where)
    sums = Ask(TASKS + _said(_TASKS_WHERE, where), where.values)
    tasks, runs, latest = tx.together([sums, _of_runs(where), Ask(last, params)])
    return Standing(
        tasks=dict(zip(_SHOWN, map(int, tasks[0]), strict=True)),
        runs=_by_kind(where, runs),
        last_at=latest[0][0] if latest else None,
    )


def runs(tx: Tx, where: Where) -> RunSums:
    """How many runs there are at each stage, kind by kind."""
    return _by_kind(where, tx.together([_of_runs(where)])[0])


def _of_runs(where: Where) -> Ask:
    return Ask(RUNS + _said(_RUNS_WHERE, where), where.values, wide=True)


def _by_kind(where: Where, rows: Sequence[Row]) -> RunSums:
    columns = list(zip(*rows, strict=True))[_KEYS:] if rows else [()] * len(RUN_SUMS)
    return RunSums(
        counted=[counted_as((where.project_id, *row[:_KEYS])) for row in rows],
        channels=[row[_CHANNEL] for row in rows],
        columns=dict(zip(RUN_SUMS, columns, strict=True)),
    )


def _last(where: Where) -> tuple[str, dict[str, Value]]:
    """How to find out when something last happened."""
    values, named = where.values, where.named
    if not named:
        return LAST, values
    if named == {"workspace_id"}:
        return (LAST_WORKSPACE, values) if where.workspace_id else (LAST_NO_WORKSPACE, {"project_id": where.project_id})
    if named == {"owner_kind", "owner_ref"}:
        return LAST_OWNER, values
    return LAST_COUNTED.format(_said(_TASKS_WHERE, where)), values


def _said(conditions: Mapping[str, str], where: Where) -> str:
    return "".join(text for name, text in conditions.items() if name in where.named)
