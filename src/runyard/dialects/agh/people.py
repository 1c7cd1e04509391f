"""Who does something: a person by default, an agent's session by its headers (contract §2)."""

from __future__ import annotations

from runyard.dialects.agh.mapping.values import read
from runyard.domain.actors import Actor, Doer, Origin
from runyard.domain.errors import NotFound
from runyard.engine import sessions
from runyard.engine.sessions import Claimed
from runyard.web.call import Call

PERSON = Actor("human", "local-user")


def claimed(call: Call) -> Claimed:
    """Who the headers say is calling; empty where they say nothing."""
    session, workspace = call.header("x-agh-session-id"), call.header("x-agh-workspace-id")
    return Claimed(
        session_id=_id("sess", session),
        agent=(call.header("x-agh-agent") or "").strip(),
        workspace_id=_id("ws", workspace) or None,
    )


def _id(prefix: str, text: str | None) -> str:
    """The id behind one in a header; what cannot be one stays as it is, and is nobody's."""
    if not text:
        return ""
    try:
        return read(prefix, text)
    except NotFound:
        return text.strip()


async def doer(call: Call, action: str) -> Doer:
    """Who does it, for the operations of people and agents alike: `action` is the word of contract §2.

    Raises what `sessions.identify` raises when the headers name an agent's session that is not so.
    """
    who = claimed(call)
    origin = Origin("http", f"tasks.{action}")
    if not who.session_id and not who.agent:
        return Doer(PERSON, origin)
    session = await call.read(sessions.known, call.project_id, who)
    return Doer(sessions.actor_of(session), origin)
