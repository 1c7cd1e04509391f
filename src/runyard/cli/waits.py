"""`runyard waits …`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.arguments import Limit, json_value
from runyard.cli.invocation import Given, Invocation
from runyard.cli.times import stamp

if TYPE_CHECKING:
    from runyard.sdk.models import EventWait

Key = Annotated[str, Parameter(name="KEY", help="The key of the event.")]
State = Annotated[
    Literal["waiting", "received", "timed_out", "canceled"] | None, Parameter(help="Only waits in this state.")
]


def list_waits(*, state: State = None, limit: Limit = 50, invocation: Given) -> None:
    """List the waits of runs for events, newest first."""
    columns: list[output.Column] = [
        ("key", lambda one: one.key),
        ("state", lambda one: one.state),
        ("run", lambda one: one.run_id),
        ("requested", lambda one: stamp(one.requested_at)),
        ("expires", lambda one: stamp(one.expires_at)),
        ("received", lambda one: stamp(one.received_at)),
    ]
    with invocation.client() as client:
        found = client.waits.list(state=state, limit=limit)
        output.many(
            invocation, found, columns, empty="No run waits for an event." if state is None else "There are none."
        )


def send(
    key: Key,
    /,
    *,
    payload: Annotated[str | None, Parameter(alias="-p", help="What it says: JSON, @FILE, or - for input.")] = None,
    invocation: Given,
) -> None:
    """Send the event that a run waits for; the run goes on."""
    value = json_value(payload, "--payload") if payload is not None else msgspec.UNSET
    with invocation.client() as client:
        _show(invocation, client.waits.send(key, value))


def cancel(key: Key, /, *, invocation: Given) -> None:
    """Cancel the wait for an event, and its run."""
    with invocation.client() as client:
        _show(invocation, client.waits.cancel(key))


def _show(invocation: Invocation, one: EventWait) -> None:
    fields: list[tuple[str, object]] = [
        ("key", one.key),
        ("state", one.state),
        ("run", one.run_id),
        ("request", output.pretty(one.request) if one.request is not None else None),
        ("payload", output.pretty(one.payload) if one.payload is not None else None),
        ("requested", stamp(one.requested_at)),
        ("received", stamp(one.received_at)),
        ("sent by", one.sent_by),
    ]
    output.one(invocation, one, fields, name=one.run_id)
