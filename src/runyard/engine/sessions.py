"""Sessions of agents: who they are, and whether they are there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from runyard.domain.actors import Actor, Doer
from runyard.domain.errors import Conflict, Forbidden, NotFound, Unauthorized
from runyard.domain.policy import SECOND
from runyard.domain.records import Json
from runyard.domain.sessions import Session, SessionEvent, SessionSettings, SessionState
from runyard.storage.port import Tx
from runyard.storage.statements import session_events as events_sql
from runyard.storage.statements import sessions as sql
from runyard.storage.statements import task_runs as task_runs_sql

GRACE = 5 * SECOND
"""How long a session that was asked to stop has before it is forced."""

# In Python 3.11 a word that is asked of its class costs ten times as much as a name, and all claims come by here.
_ACTIVE = SessionState.ACTIVE
_json = msgspec.json.Encoder()
_names = msgspec.json.Decoder(tuple[str, ...]).decode
_settings = msgspec.json.Decoder(SessionSettings).decode


class IdentityRequired(Unauthorized):
    """Only the session of an agent may do this; say which session and which agent it is."""

    code = "identity_required"


class IdentityStale(Unauthorized):
    """There is no such session, or it is not active; begin a new one."""

    code = "identity_stale"


class IdentityMismatch(Unauthorized):
    """The session is another agent's; name the agent it belongs to."""

    code = "identity_mismatch"


class IdentityForbidden(Forbidden):
    """The session belongs to another workspace."""

    code = "identity_unauthorized"


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """Who somebody says to be."""

    session_id: str
    agent: str | None
    """None where nobody needs to say it, '' where it should have been said."""
    workspace_id: str | None = None


class Stopping(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is told should a session that was asked to stop have to be forced."""

    task_id: str
    run_id: str
    grace: int
    propagated_from: str = ""
    """The task whose cancellation asked for it, where that was another."""


class NewSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session to begin."""

    agent: str
    workspace_id: str | None = None
    name: str = ""
    channel: str | None = None
    capabilities: Sequence[str] = ()
    settings: Json = "{}"
    parent_id: str | None = None
    role: str | None = None
    stops_with_parent: bool = False
    ttl: int | None = None
    """How long it may last."""


def create(tx: Tx, project_id: int, new: NewSession) -> Session:
    """Begin a session; it is active at once."""
    session = Session(
        id=tx.new_id(),
        project_id=project_id,
        agent=new.agent,
        workspace_id=new.workspace_id,
        name=new.name or new.agent,
        state=SessionState.ACTIVE,
        channel=new.channel,
        capabilities=_json.encode(sorted(set(new.capabilities))).decode(),
        settings=new.settings,
        parent_id=new.parent_id,
        role=new.role,
        stops_with_parent=int(new.stops_with_parent),
        created_at=tx.now,
        updated_at=tx.now,
        active_at=tx.now,
        expires_at=tx.now + new.ttl if new.ttl else None,
        stopped_at=None,
        stop_reason=None,
        failure=None,
        stopping=None,
        events=1,
    )
    sql.add(tx, session)
    said = {"agent": new.agent, "parent_id": new.parent_id} if new.parent_id else {"agent": new.agent}
    text = _json.encode(said).decode()
    events_sql.add(tx, [SessionEvent(session_id=session.id, number=1, type="session_started", at=tx.now, data=text)])
    return session


def find(tx: Tx, project_id: int, session_id: str) -> Session:
    """The session. Raises `NotFound`."""
    session = sql.get(tx, [session_id]).get(session_id) if "\0" not in session_id else None
    if session is None or session.project_id != project_id:
        raise NotFound(f"there is no session {session_id[:128]!r} in this project")
    return session


def lock(tx: Tx, project_id: int, session_id: str) -> Session:
    """The session, locked. Raises `NotFound`."""
    find(tx, project_id, session_id)
    return sql.lock(tx, [session_id])[session_id]


def active(tx: Tx, project_id: int, session_id: str) -> Session:
    """The session, which must be active. Raises `NotFound`, or `Conflict` when it is not."""
    session = find(tx, project_id, session_id)
    if session.state is not SessionState.ACTIVE:
        raise Conflict(f"the session is {session.state}; begin a new one", state=session.state.value)
    return session


def attachable(session: Session) -> None:
    """Raise `Conflict` when no run can be bound to the session."""
    if not session.is_live:
        raise Conflict("the session has stopped; bind the run to one that is there")


def identify(project_id: int, claimed: Claimed, found: Session | None) -> Session:
    """The session somebody says to be, given what is kept of it.

    Raises `IdentityRequired`, `IdentityStale`, `IdentityMismatch` or `IdentityForbidden`, in this order.
    """
    if not claimed.session_id:
        raise IdentityRequired("this is for sessions of agents; no session was named")
    if claimed.agent == "":
        raise IdentityRequired("this is for sessions of agents; no agent was named")
    if found is None or found.project_id != project_id:
        raise IdentityStale(f"there is no session {claimed.session_id[:128]!r}")
    if found.state is not _ACTIVE:
        raise IdentityStale(f"the session is {found.state}; begin a new one", state=found.state)
    if claimed.agent is not None and found.agent != claimed.agent:
        raise IdentityMismatch(f"the session is not one of agent {claimed.agent[:128]!r}")
    if claimed.workspace_id and claimed.workspace_id != found.workspace_id:
        raise IdentityForbidden("the session does not belong to that workspace")
    return found


def known(tx: Tx, project_id: int, claimed: Claimed) -> Session:
    """`identify` of one who calls."""
    asked = [claimed.session_id] if claimed.session_id and "\0" not in claimed.session_id else []
    return identify(project_id, claimed, sql.get(tx, asked).get(claimed.session_id))


def actor_of(session: Session) -> Actor:
    """The session as it acts."""
    return Actor("agent_session", session.id)


def capabilities_of(session: Session) -> frozenset[str]:
    """What the session says it can do."""
    return _capabilities(session.capabilities)


@lru_cache(maxsize=1024)
def _capabilities(text: str) -> frozenset[str]:
    # Sessions of an agent can do the same.
    return frozenset(_names(text))


def settings_of(session: Session) -> SessionSettings:
    """What else was said of the session as it was made."""
    return _settings(session.settings)


def write(tx: Tx, sessions: Sequence[Session], type: str, data: Mapping[str, Any]) -> list[Session]:
    """Write sessions that this transaction has locked, each with an event that says what changed."""
    after = [msgspec.structs.replace(one, events=one.events + 1, updated_at=tx.now) for one in sessions]
    text = _json.encode(data).decode()
    events = [SessionEvent(session_id=one.id, number=one.events, type=type, at=tx.now, data=text) for one in after]
    if after:
        sql.save(tx, after)
        events_sql.add(tx, events)
    for one in after:
        tx.wake(topic(one.id))
    return after


def topic(session_id: str) -> str:
    """What wakes those who follow a session."""
    return f"session:{session_id}"


def are_due(tx: Tx) -> bool:
    """Whether the time of any session is up."""
    return bool(sql.due(tx, 1))


def ask_to_stop(
    tx: Tx, ids: Iterable[str], by: Doer, *, grace: int = GRACE, propagated_from: str | None = None
) -> list[Session]:
    """Ask sessions to stop; the sweep forces those that have not when the grace is over.

    Those that are stopping or have stopped are passed over, and so are unknown ones. The runs they work on are left
    alone until they have stopped. Who locks runs or tasks as well has locked these sessions before them.
    """
    wanted = sorted(set(ids))
    worked = task_runs_sql.last_of(tx, wanted)
    asked = []
    for session in sql.lock(tx, wanted).values():
        if session.state in (SessionState.STOPPING, SessionState.STOPPED):
            continue
        row = worked.get(session.id)
        told = None
        if row is not None:
            far = propagated_from if propagated_from not in (None, row.task_id) else ""
            told = Stopping(task_id=row.task_id, run_id=row.run_id, grace=grace, propagated_from=far or "")
        asked.append(
            msgspec.structs.replace(
                session,
                state=SessionState.STOPPING,
                expires_at=tx.now + grace,
                stopping=_json.encode(told).decode() if told is not None else None,
            )
        )
    if asked:
        tx.wake("sessions")
    return write(tx, asked, "session_stopping", {"by": str(by.actor), "grace_ms": grace // 1000})
