"""Lists of runs, a page at a time."""

from __future__ import annotations

import msgspec

from runyard.domain.records import Run
from runyard.engine.filters import Filter
from runyard.engine.runs import find
from runyard.engine.searches import EXAMINED, IdPage, Search
from runyard.storage.port import Tx
from runyard.storage.sql import BEYOND
from runyard.storage.statements import runs as runs_sql


class RunPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of runs; `after` is where the next one begins, None at the end. It may hold fewer than asked for."""

    runs: list[Run]
    after: str | None


def page(tx: Tx, project_id: int, wanted: Filter, *, before: str | None = None, limit: int = 50) -> RunPage:
    """Runs that meet the filter, newest first, from below the given id on. Raises `Invalid` for a bad filter."""
    found = ids(tx, project_id, wanted, before=before, limit=limit)
    runs = runs_sql.get(tx, found.ids) if found.ids else {}
    return RunPage(runs=[runs[run_id] for run_id in found.ids if run_id in runs], after=found.after)


def ids(
    tx: Tx, project_id: int, wanted: Filter, *, before: str | None = None, limit: int = 50, examined: int = EXAMINED
) -> IdPage:
    """Ids of runs that meet the filter, newest first, from below the given id on. Raises `Invalid`."""
    search = Search(tx, project_id, wanted, examined)
    if search.is_empty:
        return IdPage(ids=[], after=None)
    return search.page(BEYOND if before is None else before, limit)


def children(tx: Tx, project_id: int, run_id: str, *, before: str | None = None, limit: int = 50) -> RunPage:
    """The runs a run has spawned, newest first. Raises `NotFound`."""
    find(tx, project_id, run_id)
    return page(tx, project_id, Filter(parent_id=run_id), before=before, limit=limit)
