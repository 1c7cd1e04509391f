"""Sessions of agents: begun, followed, spoken to and stopped."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from runyard.dialects.native.doing import doer
from runyard.dialects.native.mapping import sessions as mapping
from runyard.dialects.native.mapping.values import lenient_id, span
from runyard.dialects.native.wire import Page
from runyard.dialects.native.wire import sessions as wire
from runyard.domain import sessions as domain
from runyard.domain.sessions import SessionEvent, SessionState
from runyard.engine import prompts, session_lists, session_starts, sessions
from runyard.engine.session_lists import Standing
from runyard.engine.session_starts import Spawn
from runyard.engine.tasks import settling, situations
from runyard.engine.tasks.situations import Situation
from runyard.storage.port import Store, Tx
from runyard.streams.feed import Batch, Feeds, seen
from runyard.streams.hub import Hub
from runyard.streams.sse import EventStream, frame, start_after
from runyard.web.call import Call
from runyard.web.paging import After, Cursor, Limit, cut, place
from runyard.web.paging import cursor as cursor_of
from runyard.web.reply import Reply, Streamed, encode
from runyard.web.waiting import waited

ONE = "/v1/sessions/{session_id:str}"
Workspace = Annotated[
    str | None, QueryParameter(name="workspace_id", max_length=128, description="Only sessions of this workspace.")
]
Agent = Annotated[str | None, QueryParameter(max_length=128, description="Only sessions of this agent.")]
State = Annotated[wire.State | None, QueryParameter(name="state", description="Only sessions that stand so.")]
Live = Annotated[bool, QueryParameter(description="Only those that have not stopped.")]


def handlers(hub: Hub, feeds: Feeds) -> Sequence[HTTPRouteHandler]:
    """All operations on sessions."""

    @post(f"{ONE}/prompts/take", needs="task:write", status_code=200)
    async def take_prompts(call: Call, session_id: str, data: wire.TakeIn | None = None) -> wire.Taken:
        """Take up what was said to a session and waits, in order; wait up to `wait_seconds` for the first."""
        asked, wanted = data or wire.TakeIn(), lenient_id(session_id)

        async def look() -> list[domain.Prompt] | None:
            return await call.write(prompts.take, call.project_id, wanted, limit=asked.limit) or None

        if asked.wait_seconds:
            found = (await waited(call, hub, [sessions.topic(wanted)], look, seconds=asked.wait_seconds)).value
        else:
            found = await look()
        return wire.Taken(prompts=[mapping.prompt_out(one) for one in found or ()])

    @get(f"{ONE}/events", needs="task:read")
    async def list_session_events(
        call: Call, session_id: str, limit: Limit = 50, cursor: Cursor = None, after: After = None
    ) -> Page[wire.SessionEvent] | Streamed:
        """What happened to a session and was said to it, oldest first; followed live as `text/event-stream`."""
        session = await call.read(sessions.find, call.project_id, lenient_id(session_id))
        if "text/event-stream" in (call.header("accept") or ""):
            position = start_after(call.header("last-event-id"), after)
            topics = (sessions.topic(session.id),)
            reader = partial(_batch, call.store, session)
            return Streamed(EventStream(feeds.follow(("native", *topics), topics, reader, after=position)))
        (start,) = place(cursor, tuple[int]) or (after or 0,)
        rows = await call.read(session_lists.events, call.project_id, session.id, after=start, limit=limit + 1)
        shown, more = cut(rows, limit, lambda row: cursor_of(row.number))
        return Page(data=[mapping.event_out(row) for row in shown], next_cursor=more)

    return [
        list_sessions,
        create_session,
        get_session,
        stop_session,
        spawn_session,
        get_situation,
        list_prompts,
        create_prompt,
        cancel_prompt,
        take_prompts,
        list_session_events,
    ]


@get("/v1/sessions", needs="task:read")
async def list_sessions(
    call: Call,
    workspace: Workspace = None,
    agent: Agent = None,
    stands: State = None,
    live: Live = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[wire.Session]:
    """Sessions, newest first, stopped ones too."""
    (before,) = place(cursor, tuple[str]) or (None,)
    rows = await call.read(
        session_lists.page,
        call.project_id,
        workspace_id=lenient_id(workspace) if workspace is not None else None,
        agent=agent,
        state=SessionState(stands) if stands is not None else None,
        live=live,
        before=before,
        limit=limit + 1,
    )
    shown, more = cut(rows, limit, lambda row: cursor_of(row.id))
    return Page(data=[mapping.session_out(row) for row in shown], next_cursor=more)


@post("/v1/sessions", needs="task:write", status_code=201)
async def create_session(call: Call, data: wire.SessionIn) -> Reply[wire.Session]:
    """Begin a session of an agent; its id is what it takes work under."""
    asked = mapping.beginning_in(data)
    return await call.answer(mapping.session_out, session_starts.begin, call.project_id, asked)


@get(ONE, needs="task:read")
async def get_session(call: Call, session_id: str) -> wire.SessionDetail:
    """A session, and what it has to do."""
    return mapping.standing_out(await call.read(_standing, call.project_id, lenient_id(session_id)))


@post(f"{ONE}/stop", needs="task:write", status_code=200)
async def stop_session(call: Call, session_id: str, data: wire.SessionStopIn | None = None) -> Reply[wire.Session]:
    """Stop a session; a leased run goes back to the queue, one that was begun without a lease fails."""
    asked = data or wire.SessionStopIn()
    return await call.answer(
        mapping.session_out,
        settling.stop,
        call.project_id,
        lenient_id(session_id),
        doer(call, "stop_session"),
        grace=span(asked.grace_seconds),
    )


@post(f"{ONE}/spawn", needs="task:write", status_code=201)
async def spawn_session(call: Call, session_id: str, data: wire.SpawnIn) -> Reply[wire.Session]:
    """Begin a session below this one, which may do no more than it."""
    asked = mapping.spawn_in(data)
    return await call.answer(mapping.session_out, _spawn, call.project_id, lenient_id(session_id), asked)


@get(f"{ONE}/situation", needs="task:read")
async def get_situation(call: Call, session_id: str) -> wire.Situation:
    """What a session finds itself in: its work with what went before, what it has not read, and who is there."""
    return mapping.situation_out(await call.read(_situation, call.project_id, lenient_id(session_id)))


@get(f"{ONE}/prompts", needs="task:read")
async def list_prompts(call: Call, session_id: str, limit: Limit = 50, cursor: Cursor = None) -> Page[wire.Prompt]:
    """What was said to a session, newest first."""
    (before,) = place(cursor, tuple[str]) or (None,)
    rows = await call.read(prompts.page, call.project_id, lenient_id(session_id), before=before, limit=limit + 1)
    shown, more = cut(rows, limit, lambda row: cursor_of(row.id))
    return Page(data=[mapping.prompt_out(row) for row in shown], next_cursor=more)


@post(f"{ONE}/prompts", needs="task:write", status_code=201)
async def create_prompt(call: Call, session_id: str, data: wire.PromptIn) -> Reply[wire.Prompt]:
    """Say something to a session; it waits in order until the session takes it up."""
    return await call.answer(
        mapping.queued_out,
        prompts.queue,
        call.project_id,
        lenient_id(session_id),
        data.text,
        mode=data.mode,
        by=call.actor,
    )


@post(f"{ONE}/prompts/{{prompt_id:str}}/cancel", needs="task:write", status_code=200)
async def cancel_prompt(call: Call, session_id: str, prompt_id: str) -> Reply[wire.Prompt]:
    """Cancel a prompt that waits; 409 once it was taken up."""
    return await call.answer(
        mapping.prompt_out, prompts.cancel, call.project_id, lenient_id(session_id), lenient_id(prompt_id)
    )


def _standing(tx: Tx, project_id: int, session_id: str) -> Standing:
    return session_lists.standing(tx, sessions.find(tx, project_id, session_id))


def _situation(tx: Tx, project_id: int, session_id: str) -> Situation:
    return situations.around(tx, sessions.find(tx, project_id, session_id))


def _spawn(tx: Tx, project_id: int, session_id: str, asked: Spawn) -> domain.Session:
    return session_starts.spawn(tx, sessions.active(tx, project_id, session_id), asked)


async def _batch(store: Store, session: domain.Session, after: int, limit: int) -> Batch:
    """What a look at the store found, as a stream has it."""
    now, rows = await store.read(_look, session, after, limit)
    frames = [(row.number, frame(encode(mapping.event_out(row)), event=row.type, id=row.number)) for row in rows]
    more = len(rows) == limit
    end = None if more or now.is_live else frame(encode({"state": now.state.value}), event="done")
    return Batch(frames=frames, upto=seen(frames, newest=now.events, more=more), more=more, end=end)


def _look(tx: Tx, session: domain.Session, after: int, limit: int) -> tuple[domain.Session, list[SessionEvent]]:
    now = sessions.find(tx, session.project_id, session.id)
    return now, session_lists.events(tx, session.project_id, session.id, after=after, limit=limit)
