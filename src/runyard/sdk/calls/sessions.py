"""Requests about sessions of agents: begun, spoken to and stopped; and what they say to each other."""

from __future__ import annotations

from operator import attrgetter
from typing import Literal, Unpack

from runyard.sdk import models
from runyard.sdk.call import Call, encode, get, present, query, segment, send
from runyard.sdk.room_fields import MessageFields
from runyard.sdk.task_fields import SessionFields, SessionState, SpawnFields


def create(**fields: Unpack[SessionFields]) -> Call[models.Session]:
    """Begin a session of an agent; its id is what it takes work under."""
    return send("POST", "/sessions", models.Session, fields)


def list_all(
    *,
    workspace_id: str | None = None,
    agent: str | None = None,
    state: SessionState | None = None,
    live: bool | None = None,
    limit: int | None = None,
) -> Call[models.Page[models.Session]]:
    """Sessions, newest first, stopped ones too unless only `live` ones are asked for."""
    found = query(workspace_id=workspace_id, agent=agent, state=state, live=live, limit=limit)
    return get("/sessions", models.Page[models.Session], found)


def read(session_id: str) -> Call[models.SessionDetail]:
    """A session, and what it has to do."""
    return get(_session(session_id), models.SessionDetail)


def stop(session_id: str, *, grace_seconds: float | None = None) -> Call[models.Session]:
    """Stop a session, at once or after asking; a leased run goes back to the queue."""
    return send("POST", f"{_session(session_id)}/stop", models.Session, present(grace_seconds=grace_seconds))


def spawn(session_id: str, **fields: Unpack[SpawnFields]) -> Call[models.Session]:
    """Begin a session below this one, which may do no more than it."""
    return send("POST", f"{_session(session_id)}/spawn", models.Session, fields)


def situation(session_id: str) -> Call[models.Situation]:
    """What a session finds itself in: its work with what went before, what it has not read, and who is there."""
    return get(f"{_session(session_id)}/situation", models.Situation)


def events(
    session_id: str, *, after: int | None = None, limit: int | None = None
) -> Call[models.Page[models.SessionEvent]]:
    """What happened to a session and was said to it, oldest first."""
    return get(f"{_session(session_id)}/events", models.Page[models.SessionEvent], query(after=after, limit=limit))


def stream_path(session_id: str) -> str:
    """Where everything that happens to a session is followed."""
    return f"{_session(session_id)}/events"


def prompts(session_id: str, *, limit: int | None = None) -> Call[models.Page[models.Prompt]]:
    """What was said to a session, newest first."""
    return get(f"{_session(session_id)}/prompts", models.Page[models.Prompt], query(limit=limit))


def prompt(
    session_id: str, text: str, *, mode: Literal["queue", "interrupt", "steer"] | None = None
) -> Call[models.Prompt]:
    """Say something to a session; it waits in order, `interrupt` in the place of all that waits."""
    return send("POST", f"{_session(session_id)}/prompts", models.Prompt, present(text=text, mode=mode))


def cancel_prompt(session_id: str, prompt_id: str) -> Call[models.Prompt]:
    """Cancel a prompt that waits. Raises `Conflict` once it was taken up."""
    return send("POST", f"{_session(session_id)}/prompts/{segment(prompt_id)}/cancel", models.Prompt)


def take_prompts(
    session_id: str, *, limit: int | None = None, wait_seconds: float | None = None
) -> Call[list[models.Prompt]]:
    """Take up what waits in a session, in order, waiting up to `wait_seconds` for the first."""
    return Call(
        method="POST",
        path=f"{_session(session_id)}/prompts/take",
        shape=models.Taken,
        then=attrgetter("prompts"),
        body=encode(present(limit=limit, wait_seconds=wait_seconds)),
        timeout=(wait_seconds or 0) + 15,
    )


def channels(session_id: str) -> Call[models.Page[models.SeenChannel]]:
    """The channels a session sees: its own, its workspace's, and those of its workspace's runs."""
    return get(f"{_session(session_id)}/channels", models.Page[models.SeenChannel])


def say(session_id: str, **message: Unpack[MessageFields]) -> Call[models.Message]:
    """Let a session say something in a channel, or answer a message."""
    return send("POST", f"{_session(session_id)}/messages", models.Message, message)


def receive(
    session_id: str,
    channel: str,
    *,
    after: int | None = None,
    limit: int | None = None,
    wait_seconds: float | None = None,
) -> Call[list[models.Message]]:
    """What others said in a channel and the session has not read, waiting up to `wait_seconds` for the first.

    From then on it has read them; `after` the number of a message they are told once more.
    """
    return Call(
        method="POST",
        path=f"{_session(session_id)}/messages/receive",
        shape=models.Received,
        then=attrgetter("messages"),
        body=encode(present(channel=channel, after=after, limit=limit, wait_seconds=wait_seconds)),
        timeout=(wait_seconds or 0) + 15,
    )


def _session(session_id: str) -> str:
    return f"/sessions/{segment(session_id)}"
