"""`runyard sessions …`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.arguments import Limit, SessionId, Workspace
from runyard.cli.ids import session_id, workspace_id
from runyard.cli.invocation import Given, Invocation
from runyard.cli.times import seconds, stamp

if TYPE_CHECKING:
    from runyard.sdk.models import Session

State = Literal["starting", "active", "stopping", "stopped"]


def list_sessions(
    *,
    workspace: Workspace = None,
    agent: Annotated[str | None, Parameter(help="Only sessions of this agent.")] = None,
    state: Annotated[State | None, Parameter(help="Only sessions that stand so.")] = None,
    live: Annotated[bool, Parameter(show_default=False, help="Only those that have not stopped.")] = False,
    limit: Limit = 50,
    invocation: Given,
) -> None:
    """List sessions of agents, newest first."""
    columns: list[output.Column] = [
        ("id", lambda one: one.id),
        ("agent", lambda one: one.agent),
        ("state", lambda one: one.state),
        ("channel", lambda one: one.channel),
        ("active", lambda one: stamp(one.active_at)),
        ("expires", lambda one: stamp(one.expires_at)),
        ("name", lambda one: one.name),
    ]
    with invocation.client() as client:
        place = None if workspace is None else workspace_id(client, workspace)
        found = client.sessions.list(workspace_id=place, agent=agent, state=state, live=live or None, limit=limit)
        output.many(invocation, found, columns, empty="There are no such sessions.")


def get(session: SessionId, /, *, invocation: Given) -> None:
    """Show a session, and what it has to do."""
    with invocation.client() as client:
        found = client.sessions.get(session_id(client, session))
    more: list[tuple[str, object]] = [("run", found.run_id), ("prompts that wait", found.prompts)]
    output.one(invocation, found, _fields(found) + more, name=found.id)


def start(
    agent: Annotated[str, Parameter(help="Name of the agent that it is a session of.")],
    /,
    *,
    workspace: Workspace = None,
    channel: Annotated[str | None, Parameter(help="It is given runs of this channel alone.")] = None,
    capability: Annotated[list[str] | None, Parameter(help="What it can do (repeatable).")] = None,
    name: Annotated[str | None, Parameter(help="What people call it.")] = None,
    ttl: Annotated[str | None, Parameter(help="When it is stopped if nobody stops it before, like 8h.")] = None,
    invocation: Given,
) -> None:
    """Begin a session of an agent; its id is what it takes runs of tasks under."""
    given: dict[str, Any] = {
        "channel": channel,
        "capabilities": capability,
        "name": name,
        "ttl_seconds": None if ttl is None else math.ceil(seconds(ttl)),
    }
    with invocation.client() as client:
        if workspace is not None:
            given["workspace_id"] = workspace_id(client, workspace)
        words = {word: value for word, value in given.items() if value is not None}
        _show(invocation, client.sessions.create(agent=agent, **words))


def stop(
    session: SessionId,
    /,
    *,
    grace: Annotated[str | None, Parameter(help="How long it may finish before it is forced, like 30s.")] = None,
    invocation: Given,
) -> None:
    """Stop a session; a run that it has goes back to the queue."""
    with invocation.client() as client:
        patience = None if grace is None else seconds(grace)
        _show(invocation, client.sessions.stop(session_id(client, session), grace_seconds=patience))


def _show(invocation: Invocation, one: Session) -> None:
    output.one(invocation, one, _fields(one), name=one.id)


def _fields(one: Session) -> list[tuple[str, object]]:
    return [
        ("id", one.id),
        ("agent", one.agent),
        ("state", one.state),
        ("name", one.name),
        ("workspace", one.workspace_id),
        ("channel", one.channel),
        ("capabilities", ", ".join(one.capabilities)),
        ("parent", one.parent_id),
        ("created", stamp(one.created_at)),
        ("expires", stamp(one.expires_at)),
        ("stopped", stamp(one.stopped_at)),
        ("stop reason", one.stop_reason),
    ]
