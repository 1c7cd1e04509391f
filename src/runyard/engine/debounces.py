"""Debounce: of triggers with one key that follow each other closely, the last one makes the run.

What was accepted makes its run, whatever limits the job has by then: they were asked when the trigger came.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.domain.errors import DomainError
from runyard.domain.jobs import NewRun
from runyard.engine import creations
from runyard.engine.facts import CreateRequest
from runyard.storage.port import JournalLine, Tx
from runyard.storage.statements import debounces as sql
from runyard.storage.statements import schedules as jobs_sql
from runyard.storage.statements.debounces import Pending

BATCH = 200
"""How many triggers one pass lets through."""
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(NewRun).decode


def pending(tx: Tx, project_id: int, job_id: str, key: str, new: NewRun, window: int) -> Pending:
    """A trigger that fires when nothing else came under its key for the window."""
    request = _encode(msgspec.structs.replace(new, job=job_id, trigger="debounce")).decode()
    return Pending(job_id=job_id, name=key, project_id=project_id, request=request, fire_at=tx.now + window)


def put(tx: Tx, asked: Sequence[Pending]) -> None:
    """Keep the last of the triggers of each key, in the place of the one that waited."""
    if asked:
        sql.put(tx, list({(one.job_id, one.name): one for one in asked}.values()))


def next_due(tx: Tx) -> int | None:
    """When the first of all is to fire."""
    return sql.next_due(tx)


def fire(tx: Tx, limit: int = BATCH) -> int:
    """Make the runs of triggers that nothing followed; how many there were (at most `limit`)."""
    due = sql.due(tx, limit)
    if not due:
        return 0
    sql.drop(tx, [(job_id, name) for job_id, name, _, _ in due])
    there = jobs_sql.of_jobs(tx, sorted({job_id for job_id, _, _, _ in due}))
    requests = [
        CreateRequest(project_id=project_id, runs=(_decode(request),), checks="none")
        for job_id, _, project_id, request in due
        if job_id in there
    ]
    for request, outcome in zip(requests, creations.create(tx, requests), strict=True):
        if isinstance(outcome, DomainError):
            dropped(tx, request.project_id, request.runs[0].job or "", outcome.detail)
    return len(due)


def dropped(tx: Tx, project_id: int, job_id: str, reason: str) -> None:
    """Say in the project's journal that a trigger that was put off makes no run."""
    said = _encode({"job_id": job_id, "reason": reason}).decode()
    tx.emit(JournalLine(project_id, None, "trigger.dropped", None, said))
