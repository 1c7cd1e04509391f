"""SQL of lists of runs of agents: ids along an index in the order of effective times, and what a list shows beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import msgspec

from runyard.domain.watching import Wanted
from runyard.storage.port import Tx, Value


class Spent(msgspec.Struct, frozen=True):
    """What a run used, and what its job was called as it was made."""

    id: str
    job_name: str | None
    input_tokens: int
    output_tokens: int
    cost_micro_usd: int


_COLUMNS = {"agent_id": "job_id", "repository_id": "repository_id", "trigger": "trigger", "pr_number": "pr_number"}
_PROJECT = "project_id = :project_id"
_RANGE = "effective_at >= :low AND effective_at < :high"
_NEWEST = "ORDER BY effective_at DESC, run_id DESC"
OLDEST = f"SELECT effective_at FROM agent_runs WHERE {_PROJECT} ORDER BY effective_at, run_id LIMIT 1"
NEWEST = f"SELECT effective_at FROM agent_runs WHERE {_PROJECT} {_NEWEST} LIMIT 1"
SPENT = f"SELECT {', '.join(Spent.__struct_fields__)} FROM runs WHERE id {{among ids}}"


def _meeting(names: Sequence[str]) -> str:
    # Agents and repositories are of one project and have indexes that begin with them. A pull request has the fewest
    # runs: nothing else may look as if it led to fewer.
    whose = [] if {"agent_id", "repository_id"} & {*names} and "pr_number" not in names else [_PROJECT]
    return " AND ".join([*whose, *(f"{_column(names, _COLUMNS[name])} = :{name}" for name in names), _RANGE])


def _column(names: Sequence[str], column: str) -> str:
    """The column, or the same text where no index is to be found by it."""
    return f"({column} || '')" if "pr_number" in names and column != "pr_number" else column


@lru_cache(maxsize=256)
def ids_text(names: tuple[str, ...], phases: int) -> str:
    """Ids of the runs that meet the conditions of these names, in one of so many phases (0: any), newest first.

    An index holds the runs of one phase in order: several are merged, of each as many as could stand on the page.
    """
    source = f"FROM agent_runs WHERE {_meeting(names)}"
    if phases < 2:
        phase = f" AND {_column(names, 'phase')} = :phase0" * phases
        return f"SELECT run_id {source}{phase} {_NEWEST} LIMIT :n OFFSET :offset"
    branches = " UNION ALL ".join(
        f"SELECT * FROM (SELECT run_id, effective_at {source} AND {_column(names, 'phase')} = :phase{number} "
        f"{_NEWEST} LIMIT :reach) "
        f"AS of{number}"
        for number in range(phases)
    )
    return f"SELECT run_id FROM ({branches}) AS merged {_NEWEST} LIMIT :n OFFSET :offset"


@lru_cache(maxsize=256)
def count_text(names: tuple[str, ...], phases: int) -> str:
    """How many runs meet the conditions of these names."""
    phase = f" AND {_column(names, 'phase')} {{among phases}}" if phases else ""
    return f"SELECT COUNT(*) FROM agent_runs WHERE {_meeting(names)}{phase}"


def ids(tx: Tx, wanted: Wanted, low: int, high: int, *, n: int, offset: int) -> list[str]:
    """The runs wanted that were effective in [low, high): so many of them, newest first, behind so many others."""
    names, said = _said(wanted)
    phases = wanted.phases or ()
    named: dict[str, Value] = {f"phase{number}": phase.value for number, phase in enumerate(phases)}
    if len(phases) > 1:
        named["reach"] = n + offset
    rows = tx.rows(ids_text(names, len(phases)), low=low, high=high, n=n, offset=offset, **said, **named)
    return [row[0] for row in rows]


def count(tx: Tx, wanted: Wanted, low: int, high: int) -> int:
    """How many runs wanted were effective in [low, high)."""
    names, said = _said(wanted)
    named: dict[str, Value] = {"phases": [phase.value for phase in wanted.phases]} if wanted.phases else {}
    row = tx.row(count_text(names, len(wanted.phases or ())), low=low, high=high, **said, **named)
    return int(row[0]) if row else 0


def span(tx: Tx, project_id: int) -> tuple[int, int] | None:
    """The effective times of the project's oldest and newest run of any agent; None without any."""
    first, last = tx.row(OLDEST, project_id=project_id), tx.row(NEWEST, project_id=project_id)
    return (int(first[0]), int(last[0])) if first and last else None


def spent(tx: Tx, ids: Sequence[str]) -> Mapping[str, Spent]:
    """What these runs used, by run."""
    return {row[0]: Spent(*row) for row in tx.rows(SPENT, ids=list(ids))}


def _said(wanted: Wanted) -> tuple[tuple[str, ...], dict[str, Value]]:
    said: dict[str, Value] = {name: value for name in _COLUMNS if (value := getattr(wanted, name)) is not None}
    return tuple(said), {"project_id": wanted.project_id, **said}
