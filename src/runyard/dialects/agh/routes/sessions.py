"""Sessions of agents (contract §28)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated

import msgspec
from litestar import get, post
from litestar.params import QueryParameter
from litestar.types import ControllerRouterHandler

from runyard.dialects.agh import people
from runyard.dialects.agh.house import House
from runyard.dialects.agh.mapping import sessions as mapping
from runyard.dialects.agh.mapping.values import flag, moment, one_of, read, trimmed, whole
from runyard.dialects.agh.mapping.values import limit as limit_of
from runyard.dialects.agh.wire import sessions as wire
from runyard.domain.errors import NotFound
from runyard.domain.sessions import Session, SessionEvent, SessionState
from runyard.domain.workspaces import Workspace, id_in
from runyard.engine import prompts, session_lists, session_starts, sessions, workspaces
from runyard.engine.tasks import settling
from runyard.storage.port import Store, Tx
from runyard.streams.feed import Batch, seen
from runyard.streams.sse import EventStream, frame, start_after
from runyard.web.call import Call
from runyard.web.reply import Streamed, encode
from runyard.web.waiting import waited

MOST = 1000
"""The longest list of sessions, and of events."""
USUAL_EVENTS = 200
NOWHERE = "global"
"""What stands for the workspace of sessions that have none."""
STATES = tuple(state.value for state in SessionState)
ONE = "/api/workspaces/{workspace_id:str}/sessions/{session_id:str}"


def handlers(house: House) -> Sequence[ControllerRouterHandler]:
    """The routes."""

    @get(f"{ONE}/events", needs="task:read", tags=["sessions"])
    async def list_session_events(
        call: Call,
        workspace_id: str,
        session_id: str,
        since: str | None = None,
        limit: str | None = None,
        after_sequence: str | None = None,
        type: str | None = None,
        agent_name: str | None = None,
        turn_id: str | None = None,
        wait: str | None = None,
    ) -> wire.SessionEventsAnswer | Streamed:
        """What happened to a session and was said to it: the newest 200, or those after a number.

        `wait` waits a while for the next one after a number; with `text/event-stream` all are followed. Prompts that
        the session itself reads here are taken up by it.
        """
        session, _ = await call.read(_found, call.project_id, workspace_id, session_id)
        who = people.claimed(call)
        is_own = (who.session_id, who.agent) == (session.id, session.agent)
        after = whole("after_sequence", after_sequence)
        if "text/event-stream" in (call.header("accept") or ""):
            position = start_after(call.header("last-event-id"), after)
            reader = partial(_batch, call.store, session, is_own)
            topics = (sessions.topic(session.id),)
            return Streamed(EventStream(house.feeds.follow((*topics, is_own), topics, reader, after=position)))
        asked = _Asked(
            after=after,
            type=trimmed(type) or "",
            since=moment("since", since) or 0,
            limit=min(limit_of(limit) or USUAL_EVENTS, MOST),
        )
        rows = await _read(house, call, session, asked, wait=after is not None and flag("wait", wait))
        if is_own:
            await _take(call.store, session, rows)
        if trimmed(agent_name) not in (None, session.agent):
            rows = []
        turn = trimmed(turn_id)
        shown = [mapping.event_out(session, row) for row in rows]
        return wire.SessionEventsAnswer(events=[one for one in shown if turn in (None, one.turn_id)])

    return [
        list_sessions,
        create_session,
        get_session_by_id,
        get_session,
        get_session_status,
        stop_session,
        prompt_session,
        list_session_events,
    ]


@get("/api/sessions", needs="task:read", tags=["sessions"])
async def list_sessions(
    call: Call,
    workspace: str | None = None,
    agent_name: str | None = None,
    stands: Annotated[str | None, QueryParameter(name="state")] = None,
    limit: str | None = None,
) -> wire.SessionsAnswer:
    """Sessions, newest first, stopped ones too; 1000 at most."""
    wanted = one_of("state", stands, STATES)
    found = await call.read(
        _list,
        call.project_id,
        trimmed(workspace),
        trimmed(agent_name),
        SessionState(wanted) if wanted is not None else None,
        min(limit_of(limit) or MOST, MOST),
    )
    return wire.SessionsAnswer(sessions=[mapping.session_out(*one) for one in found])


@post("/api/sessions", needs="task:write", status_code=201, tags=["sessions"])
async def create_session(call: Call, data: wire.CreateSessionRequest) -> wire.SessionAnswer:
    """Begin a session: its id and its agent's name are what it calls itself from then on."""
    asked = mapping.beginning_in(data)
    session, workspace = await call.write(_begin, call.project_id, asked)
    return wire.SessionAnswer(session=mapping.session_out(session, workspace))


@get("/api/sessions/{session_id:str}", needs="task:read", tags=["sessions"])
async def get_session_by_id(call: Call, session_id: str) -> wire.SessionAnswer:
    """A session, of whichever workspace."""
    session, workspace = await call.read(_found, call.project_id, None, session_id)
    return wire.SessionAnswer(session=mapping.session_out(session, workspace))


@get(ONE, needs="task:read", tags=["sessions"])
async def get_session(call: Call, workspace_id: str, session_id: str) -> wire.SessionAnswer:
    """A session; one of no workspace is found below `global`."""
    session, workspace = await call.read(_found, call.project_id, workspace_id, session_id)
    return wire.SessionAnswer(session=mapping.session_out(session, workspace))


@get(f"{ONE}/status", needs="task:read", tags=["sessions"])
async def get_session_status(call: Call, workspace_id: str, session_id: str) -> wire.SessionStatus:
    """How a session stands, and whether it would be given work."""
    return mapping.status_out(await call.read(_standing, call.project_id, workspace_id, session_id))


@post(f"{ONE}/stop", needs="task:write", status_code=204, tags=["sessions"])
async def stop_session(call: Call, workspace_id: str, session_id: str) -> None:
    """Stop a session; what it worked on goes back to the queue, or fails where it had no lease."""
    by = await people.doer(call, "stop_session")
    session, _ = await call.read(_found, call.project_id, workspace_id, session_id)
    await call.write(settling.stop, call.project_id, session.id, by)


@post(f"{ONE}/prompt", needs="task:write", status_code=202, tags=["sessions"])
async def prompt_session(call: Call, workspace_id: str, session_id: str, data: wire.PromptRequest) -> wire.PromptAnswer:
    """Say something to a session; it waits in order until the session takes it up."""
    by = await people.doer(call, "prompt_session")
    session, _ = await call.read(_found, call.project_id, workspace_id, session_id)
    text, mode = mapping.text_in(data)
    queued = await call.write(prompts.queue, call.project_id, session.id, text, mode=mode, by=str(by.actor))
    return mapping.prompted_out(queued)


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    after: int | None
    type: str
    since: int
    limit: int


def _found(tx: Tx, project_id: int, workspace: str | None, text: str) -> tuple[Session, Workspace | None]:
    """The session, which must be of the workspace where one is named, and its workspace."""
    session = sessions.find(tx, project_id, read("sess", text))
    if workspace is not None and (session.workspace_id or NOWHERE) != (id_in(workspace.strip()) or workspace.strip()):
        raise NotFound(f"there is no session {text[:64]!r} in this workspace")
    return session, _workspace(tx, session)


def _workspace(tx: Tx, session: Session) -> Workspace | None:
    return workspaces.known(tx, [session.workspace_id or ""]).get(session.workspace_id or "")


def _begin(tx: Tx, project_id: int, asked: session_starts.Beginning) -> tuple[Session, Workspace | None]:
    session = session_starts.begin(tx, project_id, asked)
    return session, _workspace(tx, session)


def _list(
    tx: Tx, project_id: int, workspace: str | None, agent: str | None, state: SessionState | None, limit: int
) -> list[tuple[Session, Workspace | None]]:
    own = workspaces.resolve(tx, project_id, workspace) if workspace is not None else None
    found = session_lists.page(tx, project_id, workspace_id=own, agent=agent, state=state, limit=limit)
    places = workspaces.known(tx, sorted({one.workspace_id for one in found if one.workspace_id is not None}))
    return [(one, places.get(one.workspace_id or "")) for one in found]


def _standing(tx: Tx, project_id: int, workspace_id: str, text: str) -> session_lists.Standing:
    session, _ = _found(tx, project_id, workspace_id, text)
    return session_lists.standing(tx, session)


async def _read(house: House, call: Call, session: Session, asked: _Asked, *, wait: bool) -> list[SessionEvent]:
    """The events, or the first that come within a while."""

    async def look() -> list[SessionEvent] | None:
        found = await call.read(
            session_lists.events,
            call.project_id,
            session.id,
            after=asked.after,
            type=asked.type,
            since=asked.since,
            limit=asked.limit,
        )
        return found or None

    if not wait:
        return await look() or []
    found = await waited(call, house.hub, [sessions.topic(session.id)], look, seconds=house.settings.claim_wait_max)
    return found.value or []


async def _take(store: Store, session: Session, rows: Sequence[SessionEvent]) -> None:
    """Let the session have taken up the prompts that it was shown."""
    ids = [mapping.prompt_of(row) for row in rows if row.type == "user_message"]
    if ids:
        await store.write(prompts.take, session.project_id, session.id, only=ids)


async def _batch(store: Store, session: Session, is_own: bool, after: int, limit: int) -> Batch:
    """What a look at the store found, as a stream has it."""
    now, rows = await store.read(_look, session, after, limit)
    if is_own:
        await _take(store, session, rows)
    frames = [(row.number, frame(encode(mapping.event_out(now, row)), event=row.type, id=row.number)) for row in rows]
    more = len(rows) == limit
    over = not more and now.state is SessionState.STOPPED
    return Batch(frames=frames, upto=seen(frames, newest=now.events, more=more), more=more, end=b"" if over else None)


def _look(tx: Tx, session: Session, after: int, limit: int) -> tuple[Session, list[SessionEvent]]:
    now = sessions.find(tx, session.project_id, session.id)
    return now, session_lists.events(tx, session.project_id, session.id, after=after, limit=limit)
