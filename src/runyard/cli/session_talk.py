"""`runyard sessions prompt|prompts|cancel-prompt|events|channels|situation`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.arguments import Limit, SessionId, text_value
from runyard.cli.display import details
from runyard.cli.ids import session_id
from runyard.cli.invocation import Given, Invocation
from runyard.cli.tail import Follow, tail
from runyard.cli.times import stamp

if TYPE_CHECKING:
    from runyard.sdk.models import Prompt


def prompt(
    session: SessionId,
    text: Annotated[str | None, Parameter(help="What to say, or @FILE; standard input if left out.")] = None,
    /,
    *,
    mode: Annotated[
        Literal["queue", "interrupt", "steer"] | None,
        Parameter(help="Whether it waits its turn (queue), or is in the place of all that waits."),
    ] = None,
    invocation: Given,
) -> None:
    """Say something to a session; it waits there until the agent takes it up."""
    said = text_value("-" if text is None else text, "TEXT")
    with invocation.client() as client:
        _show(invocation, client.sessions.prompt(session_id(client, session), said, mode=mode))


def prompts(session: SessionId, /, *, limit: Limit = 50, invocation: Given) -> None:
    """List what was said to a session, newest first."""
    columns: list[output.Column] = [
        ("id", lambda one: one.id),
        ("state", lambda one: one.state),
        ("mode", lambda one: one.mode),
        ("said", lambda one: stamp(one.created_at)),
        ("taken up", lambda one: stamp(one.taken_at)),
        ("text", lambda one: " ".join(one.text.split())),
    ]
    with invocation.client() as client:
        found = client.sessions.prompts(session_id(client, session), limit=limit)
        output.many(invocation, found, columns, empty="Nothing was said to it.")


def cancel_prompt(
    session: SessionId,
    prompt: Annotated[str, Parameter(name="PROMPT", help="Id of the prompt.")],
    /,
    *,
    invocation: Given,
) -> None:
    """Take back what was said to a session, as long as it waits."""
    with invocation.client() as client:
        _show(invocation, client.sessions.cancel_prompt(session_id(client, session), prompt))


def events(session: SessionId, /, *, follow: Follow = False, limit: Limit = 1000, invocation: Given) -> None:
    """Print what happened to a session and was said to it, oldest line first; followed, until it stops."""
    if follow:
        with invocation.client() as client:
            whole = session_id(client, session)
            tail(
                invocation,
                lambda: client.sessions.stream(whole),
                lambda one: f"{stamp(one.at)}  {one.type}  {details(one.data)}".rstrip(),
            )
        return
    columns: list[output.Column] = [
        ("number", lambda one: one.number),
        ("at", lambda one: stamp(one.at)),
        ("event", lambda one: one.type),
        ("data", lambda one: details(one.data)),
    ]
    with invocation.client() as client:
        found = client.sessions.events(session_id(client, session), limit=limit)
        output.many(invocation, found, columns, empty="Nothing happened yet.")


def channels(session: SessionId, /, *, invocation: Given) -> None:
    """List the channels that a session sees."""
    columns: list[output.Column] = [
        ("name", lambda one: one.name),
        ("active", lambda one: stamp(one.active_at)),
        ("task", lambda one: one.task_id),
        ("run", lambda one: one.run_id),
        ("purpose", lambda one: " ".join((one.purpose or "").split())),
    ]
    with invocation.client() as client:
        found = client.sessions.channels(session_id(client, session))
        output.many(invocation, found, columns, empty="It sees no channels.")


def situation(session: SessionId, /, *, invocation: Given) -> None:
    """Show what a session finds itself in: its work, what it has not read, and who else is there."""
    with invocation.client() as client:
        found = client.sessions.situation(session_id(client, session))
    work = found.work
    fields: list[tuple[str, object]] = [
        ("session", found.session.id),
        ("agent", found.session.agent),
        ("workspace", found.workspace.name if found.workspace else None),
        ("task", work.task.id if work else None),
        ("title", work.task.title if work else None),
        ("run", work.run.id if work else None),
        ("before", "\n".join(f"{one.id}  {one.state}" for one in work.before) if work else None),
        ("reviews", "\n".join(f"{one.outcome}  {one.reason or ''}" for one in work.reviews) if work else None),
        ("channels", "\n".join(one.name for one in found.channels)),
        ("not read", f"{len(found.unread)}{' or more' if found.more_unread else ''}"),
        ("also there", "\n".join(f"{one.id}  {one.agent}" for one in found.peers)),
    ]
    output.one(invocation, found, fields, name=work.run.id if work else "")


def _show(invocation: Invocation, one: Prompt) -> None:
    fields: list[tuple[str, object]] = [
        ("id", one.id),
        ("state", one.state),
        ("mode", one.mode),
        ("text", one.text),
        ("said", stamp(one.created_at)),
    ]
    output.one(invocation, one, fields, name=one.id)
