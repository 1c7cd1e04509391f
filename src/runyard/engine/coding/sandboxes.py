"""Sandboxes of coding runs: what is put into one, that it is open, and what follows its end."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import msgspec

from runyard.domain.actors import server
from runyard.domain.canonical import decoded
from runyard.domain.coding import ADDRESS, CONNECT_TOKEN, KID, SANDBOX, CodingSeen
from runyard.domain.errors import LeaseLost, NotFound
from runyard.domain.moves import move
from runyard.domain.policy import Failure
from runyard.domain.records import Json, Move, Run
from runyard.domain.slices import Slice
from runyard.engine.coding import changes, console
from runyard.engine.coding.changes import Change
from runyard.engine.failures import failed
from runyard.engine.proofs import Report, fence
from runyard.engine.transitions import apply
from runyard.storage.port import Tx
from runyard.storage.statements import coding_runs as sql
from runyard.storage.statements import coding_tasks as tasks_sql
from runyard.storage.statements import runs as runs_sql
from runyard.storage.statements import sandboxes as sandboxes_sql

RESUMES = 2
"""From which claim on a run is one that began before."""
_json = msgspec.json.Encoder()


class Equipment(msgspec.Struct, frozen=True, kw_only=True):
    """What a sandbox is made for."""

    seen: CodingSeen
    repository: str | None
    """`owner/name` of its task."""
    state: dict[str, Any]
    resumes: bool
    """Whether the run was worked on before, and its log tells how far that came."""


class Opened(Report, frozen=True, kw_only=True):
    """The agent server in the run's sandbox is ready."""

    task_id: str
    id: str
    url: str
    kid: str


class End(Report, frozen=True, kw_only=True):
    """The run's sandbox is gone."""

    sandbox: str
    failure: Failure | None = None
    """Why the run failed, if nobody has ended it before."""
    timed_out: bool = False
    released: str | None = None
    """Why the server ended the sandbox itself, in which case the run goes back to the queue."""
    said: tuple[str, ...] = ()
    """The last lines that it wrote to standard error."""


class Sandbox(msgspec.Struct, frozen=True, kw_only=True):
    """A sandbox that is open, or being opened."""

    run_id: str
    task_id: str
    state: str
    worker: str | None
    """The server that keeps it."""
    since: int
    sandbox_id: str | None
    host: str | None
    """Where its agent server is reached; None until it is ready."""
    memory_mb: float | None
    """What it held when it was last looked at."""


def equipment(tx: Tx, run: Run) -> Equipment:
    """What the run's sandbox is made for. Raises `NotFound` when it is a run of no coding task."""
    row = sql.get(tx, [run.id]).get(run.id)
    if row is None:
        raise NotFound("the run is of no coding task, so there is nothing to open a sandbox for")
    task = tasks_sql.get(tx, [row.task_id]).get(row.task_id)
    return Equipment(
        seen=CodingSeen(run=run, row=row),
        repository=task.repository if task is not None else None,
        state=decoded(row.state),
        resumes=run.epoch >= RESUMES and row.entries > 0,
    )


def opened(tx: Tx, said: Opened) -> CodingSeen:
    """Note where the sandbox is. Raises `LeaseLost`."""
    run = runs_sql.lock(tx, [said.run_id]).get(said.run_id)
    refused = fence(run, said, tx.now)
    if run is None or refused is not None:
        raise refused or LeaseLost()
    shared = {SANDBOX: said.id, ADDRESS: said.url, KID: said.kid}
    wanted = Change(shared=shared, trusted=True)
    return changes.change(tx, run.project_id, said.task_id, run.id, wanted, server("sandboxes"))


def ended(tx: Tx, end: End) -> Run | None:
    """Forget where the sandbox was, and decide what follows; nothing does where somebody has decided about the run.

    The run afterwards; None when it is gone.
    """
    run = runs_sql.lock(tx, [end.run_id]).get(end.run_id)
    if run is None or (end.project_id is not None and run.project_id != end.project_id):
        return None
    refused = fence(run, end, tx.now)
    _forget(tx, run, end.sandbox)
    if refused is not None:
        return run
    if end.released is None and end.said:
        console.say(tx, run, "error", "\n".join(("the sandbox ended; its last lines were:", *end.said)))
    (after,) = apply(tx, [_after(tx, run, end)])
    return after


def _after(tx: Tx, run: Run, end: End) -> Move:
    if end.released is not None or end.failure is None:
        return move(run, "release", tx.now, actor=end.actor, data={"reason": end.released or "the sandbox is gone"})
    if end.timed_out:
        return failed(tx, run, end.failure, actor=end.actor, exhausted="time_out", outcome="timed_out")
    return failed(tx, run, end.failure, actor=end.actor)


def _forget(tx: Tx, run: Run, sandbox: str) -> None:
    row = sql.lock(tx, [run.id]).get(run.id)
    if row is None:
        return
    state = decoded(row.state)
    # Another server may have opened another one since.
    if state.get(SANDBOX) != sandbox:
        return
    left: dict[str, Any] = {name: value for name, value in state.items() if name not in (ADDRESS, KID, CONNECT_TOKEN)}
    text: Json = _json.encode(left).decode()
    sql.save(tx, [msgspec.structs.replace(row, state=text, sealed=None, updated_at=tx.now)])


def say(tx: Tx, run: Run, level: str, message: str) -> None:
    """Say something in the run's log, as it stands now."""
    now = runs_sql.get(tx, [run.id]).get(run.id)
    if now is not None:
        console.say(tx, now, level, message)


def listed(tx: Tx, project_id: int, *, after: str = "", limit: int = 50) -> Slice[Sandbox, str]:
    """The project's sandboxes, by the age of their runs."""
    rows = sandboxes_sql.page(tx, project_id, after=after, n=limit + 1)
    shown = rows[:limit]
    memory = sandboxes_sql.memory(tx, [row.run_id for row in shown])
    found = [_sandbox(row, memory.get(row.run_id)) for row in shown]
    return Slice(rows=found, more=shown[-1].run_id if len(rows) > limit else None)


def _sandbox(row: sandboxes_sql.Held, memory: float | None) -> Sandbox:
    state: dict[str, Any] = decoded(row.shared)
    url, name = state.get(ADDRESS), state.get(SANDBOX)
    return Sandbox(
        run_id=row.run_id,
        task_id=row.task_id,
        state=row.state,
        worker=row.worker,
        since=row.claimed_at or 0,
        sandbox_id=name if isinstance(name, str) else None,
        host=_host(url) if isinstance(url, str) else None,
        memory_mb=memory,
    )


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).netloc or None
    except ValueError:
        return None
