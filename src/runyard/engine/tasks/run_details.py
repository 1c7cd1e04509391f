"""A run of a task as it is shown by itself: with its task, the session that has it, and what it used."""

from __future__ import annotations

import msgspec

from runyard.domain.sessions import Session
from runyard.domain.tasks import TaskEvent
from runyard.engine.tasks import held, views
from runyard.engine.tasks.views import RunSeen, Seen
from runyard.storage.port import Tx
from runyard.storage.statements import guards, task_events
from runyard.storage.statements import sessions as sessions_sql


class RunDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A run and what belongs to it."""

    run: RunSeen
    task: Seen
    session: Session | None
    """The session that has it, or had it last."""
    tool_calls: int
    last_event: TaskEvent | None
    """The newest line about it in its task's timeline."""

    @property
    def active_at(self) -> int:
        """When something last happened to the run or its session."""
        return max(self.run.run.updated_at, self.session.active_at if self.session is not None else 0)


def get(tx: Tx, project_id: int, run_id: str) -> RunDetail:
    """The run. Raises `NotFound`."""
    seen = held.find(tx, project_id, run_id)
    session_id = seen.row.session_id
    lines = task_events.newest_of_run(tx, seen.task.id, run_id, 1)
    return RunDetail(
        run=seen,
        task=views.see_one(tx, seen.task),
        session=sessions_sql.get(tx, [session_id]).get(session_id) if session_id is not None else None,
        tool_calls=guards.tool_calls(tx, run_id),
        last_event=lines[0] if lines else None,
    )
