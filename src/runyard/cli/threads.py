"""`runyard threads …`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.arguments import Limit, RunId
from runyard.cli.ids import run_id
from runyard.cli.invocation import Given, Invocation
from runyard.cli.times import stamp

if TYPE_CHECKING:
    from runyard.sdk.models import Thread


def set_thread(
    run: RunId,
    channel: Annotated[str, Parameter(help="The channel's id, such as C0123456789.")],
    thread: Annotated[str, Parameter(help="Timestamp of the message that the thread hangs from.")],
    /,
    *,
    mention: Annotated[
        str | None, Parameter(help="Id of who is named with every message, such as U0123456789.")
    ] = None,
    invocation: Given,
) -> None:
    """Let a thread hear what a run's agent says, and how the run ends."""
    with invocation.client() as client:
        made = client.threads.set(run_id(client, run), channel=channel, thread=thread, mention=mention)
    _show(invocation, made)


def get(run: RunId, /, *, invocation: Given) -> None:
    """Show the thread that hears of a run."""
    with invocation.client() as client:
        _show(invocation, client.threads.get(run_id(client, run)))


def drop(run: RunId, /, *, invocation: Given) -> None:
    """Let no thread hear of a run any more."""
    with invocation.client() as client:
        wanted = run_id(client, run)
        client.threads.drop(wanted)
    output.one(invocation, {"dropped": wanted}, [("dropped", wanted)], name=wanted)


def said(run: RunId, /, *, limit: Limit = 50, invocation: Given) -> None:
    """List what was to be said in a run's thread, and what became of it, newest first."""
    columns: list[output.Column] = [
        ("id", lambda one: one.id),
        ("kind", lambda one: one.kind),
        ("state", lambda one: one.state),
        ("tries", lambda one: one.attempts),
        ("due", lambda one: stamp(one.due_at)),
        ("done", lambda one: stamp(one.done_at)),
        ("error", lambda one: one.error),
        ("text", lambda one: " ".join((one.text or "").split())),
    ]
    with invocation.client() as client:
        found = client.threads.relays(run_id(client, run), limit=limit)
        output.many(invocation, found, columns, empty="Nothing was to be said of the run in the last seven days.")


def _show(invocation: Invocation, one: Thread) -> None:
    fields: list[tuple[str, object]] = [
        ("run", one.run_id),
        ("service", one.service),
        ("channel", one.channel),
        ("thread", one.thread),
        ("mention", one.mention),
        ("set", stamp(one.updated_at)),
    ]
    output.one(invocation, one, fields, name=one.thread)
