"""Who may add to a run's record: the holder of its lease or run token, or whoever may write to any run not final."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import msgspec

from runyard.domain.errors import DomainError, Ended, NotFound
from runyard.domain.records import Run
from runyard.domain.states import is_final
from runyard.engine.proofs import Pass, Report, closed, fence, is_foreign
from runyard.storage.port import JournalLine, Tx
from runyard.storage.statements import fences as sql
from runyard.storage.statements.fences import Fenced

_json = msgspec.json.Encoder()


class Writer(msgspec.Struct, frozen=True, kw_only=True):
    """Who writes to which run; without a token the surface has checked that the caller may write to any run."""

    project_id: int | None
    """None is any: for a part of the server that works for all projects; it must name the lease."""
    run_id: str
    token: str | Pass | None = None
    actor: str | None = None
    begun: bool = False
    """Whether a run token is good only where work on the run has begun; else anywhere before the run's end."""


def opened(tx: Tx, writers: Sequence[Writer]) -> list[Fenced | DomainError]:
    """For each writer its run, locked until the commit, or why it may not write."""
    locked = sql.lock(tx, [writer.run_id for writer in writers])
    return [_opened(locked.get(writer.run_id), writer, tx.now) for writer in writers]


def open_for(tx: Tx, writer: Writer) -> Fenced:
    """The writer's run, locked until the commit. Raises `NotFound`, `LeaseLost` or `Conflict`."""
    (found,) = opened(tx, [writer])
    if isinstance(found, DomainError):
        raise found
    return found


def check(tx: Tx, writer: Writer) -> Fenced:
    """The writer's run, not locked: refuses a writer early. Raises what `open_for` raises."""
    found = _opened(sql.get(tx, [writer.run_id]).get(writer.run_id), writer, tx.now)
    if isinstance(found, DomainError):
        raise found
    return found


def _opened(run: Fenced | None, writer: Writer, now: int) -> Fenced | DomainError:
    unfenced = writer.token is None and writer.project_id is None
    if run is None or unfenced or is_foreign(run.project_id, writer.project_id):
        return NotFound(f"there is no run {writer.run_id} in this project")
    if writer.token is None:
        if is_final(run.state):
            return Ended(f"the run is {run.state} and its record is closed", state=run.state.value)
        return run
    report = Report(project_id=writer.project_id, run_id=writer.run_id, token=writer.token)
    # A fence looks at nothing of a run but what was read here.
    if isinstance(writer.token, Pass) and not writer.begun:
        return closed(cast("Run", run), writer.token) or run
    return fence(cast("Run", run), report, now) or run


def journal(tx: Tx, run: Fenced, event: str, actor: str | None, data: dict[str, Any]) -> None:
    """Append one line about the run to the journal; what is None is left out."""
    said = {name: value for name, value in data.items() if value is not None}
    tx.emit(JournalLine(run.project_id, run.id, event, actor, _json.encode(said).decode()))
