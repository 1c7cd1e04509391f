"""Coding runs by their id alone, for those who know no task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from runyard.domain.coding import EXECUTOR, CodingSeen
from runyard.domain.errors import NotFound
from runyard.engine.coding import runs
from runyard.storage.port import Tx
from runyard.storage.statements import runs as runs_sql

P = ParamSpec("P")
R = TypeVar("R")


def task_of(tx: Tx, project_id: int, run_id: str) -> str:
    """The task of the coding run. Raises `NotFound`, for any other run as well."""
    run = runs_sql.get(tx, [run_id]).get(run_id) if "\0" not in run_id else None
    if run is None or run.project_id != project_id or run.executor != EXECUTOR or run.task_id is None:
        raise NotFound(f"there is no coding run {run_id[:64]!r} in this project")
    return run.task_id


def see(tx: Tx, project_id: int, run_id: str) -> CodingSeen:
    """The run as it is shown. Raises `NotFound`."""
    return runs.see(tx, project_id, task_of(tx, project_id, run_id), run_id)


def do(
    tx: Tx,
    op: Callable[Concatenate[Tx, int, str, str, P], R],
    project_id: int,
    run_id: str,
    *args: P.args,
    **said: P.kwargs,
) -> R:
    """An operation on the run. Raises `NotFound`, and what the operation raises."""
    return op(tx, project_id, task_of(tx, project_id, run_id), run_id, *args, **said)
