"""What a session finds itself in: who it is, what it has to do, what is said about that, and who is there besides."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.domain.channels import Message
from runyard.domain.reviews import Review
from runyard.domain.sessions import Session
from runyard.domain.tasks import TaskRun
from runyard.domain.workspaces import Workspace
from runyard.engine import channels, session_lists, sessions, workspaces
from runyard.engine.sessions import Claimed
from runyard.engine.tasks import timelines, views
from runyard.engine.tasks.timelines import Item
from runyard.engine.tasks.views import RunSeen, Seen
from runyard.storage.port import Tx
from runyard.storage.sql import FOREVER
from runyard.storage.statements import reviews as reviews_sql
from runyard.storage.statements import runs as runs_sql
from runyard.storage.statements import task_events as events_sql
from runyard.storage.statements import task_runs as task_runs_sql
from runyard.storage.statements import tasks as tasks_sql

ENTRIES = 20
"""How much each part shows at most."""
ATTEMPTS = 5


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What a session has in hand, and what went before."""

    task: Seen
    run: RunSeen
    before: Sequence[RunSeen]
    """The runs of the task before it, the latest first."""
    lines: Sequence[Item]
    """The newest lines of the task's timeline, oldest first."""
    reviews: Sequence[Review]
    """What was said of the runs before, the newest first."""
    asked_by: Review | None
    """The review that asked for this run."""


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """What a session finds itself in."""

    session: Session
    workspace: Workspace | None
    work: Work | None
    channels: Sequence[channels.Seen]
    unread: Sequence[Message]
    more_unread: bool
    """Whether there is more that it has not read."""
    peers: Sequence[Session]
    """Others in its workspace that have not stopped, the newest first."""
    more_peers: bool


def of(tx: Tx, project_id: int, who: Claimed) -> Situation:
    """What the session of one who calls finds itself in. Raises what `sessions.identify` raises."""
    return around(tx, sessions.known(tx, project_id, who))


def around(tx: Tx, session: Session) -> Situation:
    """What a session finds itself in."""
    seen = channels.seen_by(tx, session)
    talked = [one.name for one in seen if one.channel is not None and one.channel.messages][:ENTRIES]
    unread = channels.waiting(tx, session, talked, ENTRIES + 1)
    place_id = session.workspace_id or ""
    peers = session_lists.page(tx, session.project_id, workspace_id=place_id, live=True, limit=ENTRIES + 2)
    others = [one for one in peers if one.id != session.id]
    place = workspaces.known(tx, [session.workspace_id]) if session.workspace_id is not None else {}
    return Situation(
        session=session,
        workspace=place.get(place_id),
        work=_work(tx, session),
        channels=seen,
        unread=unread[:ENTRIES],
        more_unread=len(unread) > ENTRIES,
        peers=others[:ENTRIES],
        more_peers=len(others) > ENTRIES,
    )


def _work(tx: Tx, session: Session) -> Work | None:
    row = task_runs_sql.held_by(tx, [session.id]).get(session.id)
    if row is None:
        return None
    task = tasks_sql.get(tx, [row.task_id])[row.task_id]
    rows = [one for one in task_runs_sql.of_task(tx, task.id, ATTEMPTS + 1) if one.run_id != row.run_id][:ATTEMPTS]
    runs = runs_sql.get(tx, [row.run_id, *(one.run_id for one in rows)])
    said = reviews_sql.of_task(tx, task.id, ENTRIES)
    lines = events_sql.newest_of_task(tx, task.id, before=FOREVER, n=ENTRIES)
    return Work(
        task=views.see_one(tx, task),
        run=RunSeen(run=runs[row.run_id], row=row, task=task),
        before=[RunSeen(run=runs[one.run_id], row=one, task=task) for one in rows if one.run_id in runs],
        lines=timelines.items(tx, sorted(lines, key=lambda line: line.seq)),
        reviews=said,
        asked_by=_asked_by(tx, row, said),
    )


def _asked_by(tx: Tx, row: TaskRun, known: Sequence[Review]) -> Review | None:
    if row.review_id is None:
        return None
    found = next((one for one in known if one.id == row.review_id), None)
    return found or reviews_sql.get(tx, [row.review_id]).get(row.review_id)
