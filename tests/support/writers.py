"""Who writes to a run's record, as tests speak of it."""

from __future__ import annotations

from typing import Any

from runyard.domain.errors import DomainError
from runyard.engine import logs
from runyard.engine.claims import Granted
from runyard.engine.fences import Writer
from tests.support.yard import Known, Yard, id_of


def holder(granted: Granted, **said: Any) -> Writer:
    """The executor that holds the run."""
    return Writer(project_id=granted.run.project_id, run_id=granted.run.id, token=granted.lease.token, **said)


def anyone(run: Known, *, project_id: int = 1) -> Writer:
    """A caller with the right to write to any run of the project, without a lease."""
    return Writer(project_id=project_id, run_id=id_of(run))


def log(yard: Yard, writer: Writer, *lines: str | logs.NewEntry) -> int:
    """Append lines to a run's log. Raises what the request is refused with."""
    entries = tuple(line if isinstance(line, logs.NewEntry) else logs.NewEntry(message=line) for line in lines)
    (outcome,) = yard.store.transact(logs.append, [logs.AppendRequest(writer=writer, entries=entries)])
    if isinstance(outcome, DomainError):
        raise outcome
    return int(outcome)
