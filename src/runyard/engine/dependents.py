"""Which runs wait for other jobs' runs, and which of them need wait no longer.

A run of a job with dependencies waits from its creation until each is met: by the run of the other job that ended last,
among those with its idempotency key if it has one, else among those with its dependency key if it has one. The end of a
run has the runs looked at that may wait for it, `SLICE` of them at once and the rest by passes of the loop. A run that
begins to wait is looked at once more a little later, for the end that another transaction wrote at the same moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec

from runyard.domain.records import Run, Waiting
from runyard.domain.states import RunState
from runyard.domain.waits import Dependency, is_met
from runyard.storage.port import Tx
from runyard.storage.statements import dependencies as sql
from runyard.storage.statements import runs as runs_sql

SLICE = 1000
"""How many waiting runs one transaction looks at."""
AGAIN = 10_000_000
"""After so long no transaction is under way any more that was when a wait began."""


class Keyed(Protocol):
    """What of a run says whose end it waits for."""

    @property
    def id(self) -> str: ...
    @property
    def job_id(self) -> str | None: ...
    @property
    def idempotency_key(self) -> str | None: ...
    @property
    def dependency_key(self) -> str | None: ...


def unmet(tx: Tx, runs: Sequence[Keyed]) -> dict[str, list[Dependency]]:
    """For each of the runs that has to wait, the dependencies of its job that are not met now."""
    jobs = sorted({run.job_id for run in runs if run.job_id is not None})
    edges = sql.of_jobs(tx, jobs) if jobs else {}
    if not edges:
        return {}
    wanted: dict[str, set[str]] = {scope: set() for scope in sql.LAST}
    asked = [(run, edge, *_question(run, edge)) for run in runs for edge in edges.get(run.job_id or "", ())]
    for _, _, scope, question in asked:
        wanted[scope].add(question)
    last = {scope: sql.last_states(tx, scope, sorted(questions)) for scope, questions in wanted.items()}
    found: dict[str, list[Dependency]] = {}
    for run, edge, scope, question in asked:
        if not is_met(edge.condition, last[scope].get(question)):
            found.setdefault(run.id, []).append(edge)
    return found


def _question(run: Keyed, edge: Dependency) -> tuple[str, str]:
    if run.idempotency_key is not None:
        return "key", f"{edge.depends_on}:{run.idempotency_key}"
    if run.dependency_key is not None:
        return "group", f"{edge.depends_on}:{run.dependency_key}"
    return "any", edge.depends_on


def held(tx: Tx, runs: Sequence[Run]) -> list[Run]:
    """New runs, those with unmet dependencies waiting instead of queued."""
    waiting = unmet(tx, [run for run in runs if run.state is RunState.QUEUED and run.job_id is not None])
    return [_waiting(tx, run) if run.id in waiting else run for run in runs] if waiting else list(runs)


def _waiting(tx: Tx, run: Run) -> Run:
    return msgspec.structs.replace(run, state=RunState.WAITING, waiting_for=begun(tx), queued_at=None)


def begun(tx: Tx) -> Waiting:
    """A wait for dependencies that begins now."""
    return Waiting(kind="dependency", again=tx.now + AGAIN)


def freed(tx: Tx, ended: Iterable[Run]) -> list[Run]:
    """The runs, locked, that need wait no longer now that these have ended; what is too much is noted for a pass."""
    by_job: dict[str, list[Run]] = {}
    for run in ended:
        if run.job_id is not None:
            by_job.setdefault(run.job_id, []).append(run)
    edges = sql.on_jobs(tx, list(by_job)) if by_job else []
    touched = [edge for edge in edges if any(is_met(edge.condition, run.state) for run in by_job[edge.depends_on])]
    if not touched:
        return []
    jobs = sorted({edge.job_id for edge in touched})
    causes = [run for job in {edge.depends_on for edge in touched} for run in by_job[job]]
    keys = sorted({run.idempotency_key for run in causes if run.idempotency_key is not None})
    groups = sorted({run.dependency_key for run in causes if run.dependency_key is not None})
    found = sorted(
        {
            *sql.waiting_alone(tx, jobs, SLICE + 1),
            *sql.waiting_keyed(tx, sql.KEYED, jobs, keys, SLICE + 1),
            *sql.waiting_keyed(tx, sql.GROUPED, jobs, groups, SLICE + 1),
        }
    )
    if len(found) > SLICE:
        for job in sorted({job for _, job in found[SLICE:]}):
            look_at(tx, job, after=found[SLICE - 1][0])
    return met(tx, [run_id for run_id, _ in found[:SLICE]])


def look_at(tx: Tx, job_id: str, *, after: str = "") -> None:
    """Have the loop look at the waiting runs of the job."""
    sql.note(tx, job_id, after)
    tx.wake("dependencies")


def forget(tx: Tx, job_id: str) -> None:
    """Drop every dependency of a deleted job and on it; what waited for it alone goes on when the loop comes by."""
    waiting = {one.job_id for one in sql.on_jobs(tx, [job_id])}
    sql.drop_of_job(tx, job_id)
    for other in sorted(waiting):
        look_at(tx, other)


def met(tx: Tx, ids: Sequence[str]) -> list[Run]:
    """Those of the runs, locked, that wait for dependencies all of which are met."""
    # Lock first, look second: of two transactions that end the last two runs waited for, the later one sees both ended.
    waiting = sql.lock_keys(tx, ids) if ids else []
    still = unmet(tx, waiting)
    ready = [run.id for run in waiting if run.id not in still]
    return list(runs_sql.lock(tx, ready).values()) if ready else []
