"""Sessions as lists and pages show them, what happened to them, and how many there are."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from runyard.domain.sessions import Session, SessionEvent, SessionState
from runyard.engine import sessions
from runyard.storage.port import Tx
from runyard.storage.sql import BEYOND
from runyard.storage.statements import session_events as events_sql
from runyard.storage.statements import sessions as sql
from runyard.storage.statements import task_runs as task_runs_sql


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A session, and what it has to do."""

    session: Session
    run_id: str | None
    prompts: int
    """How many prompts wait in it."""


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How many sessions there are."""

    live: Mapping[str, int]
    """Those that have not stopped, by state."""
    total: int
    agents: int
    """How many agents have one that has not stopped."""


def page(
    tx: Tx,
    project_id: int,
    *,
    workspace_id: str | None = None,
    agent: str | None = None,
    state: SessionState | None = None,
    live: bool = False,
    before: str | None = None,
    limit: int = 50,
) -> list[Session]:
    """The project's sessions of what is named, newest first, from below an id on; '' is no workspace."""
    if "\0" in (agent or ""):
        return []
    return sql.page(
        tx,
        project_id,
        before=before or BEYOND,
        n=limit,
        live=live or state not in (None, SessionState.STOPPED),
        workspace_id=workspace_id,
        agent=agent,
        state=state,
    )


def events(
    tx: Tx,
    project_id: int,
    session_id: str,
    *,
    after: int | None = None,
    type: str = "",
    since: int = 0,
    limit: int = 50,
) -> list[SessionEvent]:
    """What happened to a session: the first after a number, or the last, oldest first. Raises `NotFound`."""
    session = sessions.find(tx, project_id, session_id)
    if "\0" in type:
        return []
    return events_sql.after(tx, session.id, after=after, n=limit, type=type, since=since)


def standing(tx: Tx, session: Session) -> Standing:
    """What the session has to do."""
    held = task_runs_sql.held_by(tx, [session.id]).get(session.id)
    return Standing(
        session=session,
        run_id=held.run_id if held is not None else None,
        prompts=events_sql.count_queued(tx, session.id),
    )


def counts(tx: Tx, project_id: int, most: int) -> Counts:
    """How many sessions there are in the project; all together are counted up to so many."""
    return Counts(
        live=sql.count_live(tx, project_id),
        total=sql.count(tx, project_id, most),
        agents=sql.count_agents(tx, project_id),
    )
