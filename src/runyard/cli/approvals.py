"""`runyard approvals …`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.arguments import Limit
from runyard.cli.exits import Exit
from runyard.cli.failures import Failure, usage
from runyard.cli.ids import PART, RECENT, WHOLE
from runyard.cli.invocation import Given, Invocation
from runyard.cli.times import ago, now, stamp

if TYPE_CHECKING:
    from runyard.sdk import Client
    from runyard.sdk.models import Approval

Wanted = Annotated[
    str,
    Parameter(
        name="APPROVAL",
        help="Id of the approval or of the run that waits, or enough of its beginning or end (8 or more characters).",
    ),
]
Comment = Annotated[str | None, Parameter(alias="-m", help="What the run should know of it.")]


def list_approvals(
    *,
    state: Annotated[
        Literal["pending", "approved", "rejected", "canceled", "all"], Parameter(help="Which approvals.")
    ] = "pending",
    limit: Limit = 50,
    invocation: Given,
) -> None:
    """List what runs ask for, newest first."""
    at = now()
    columns: list[output.Column] = [
        ("id", lambda one: one.id),
        ("run", lambda one: one.run_id),
        ("state", lambda one: one.state),
        ("risk", lambda one: one.risk),
        ("asked", lambda one: ago(one.requested_at, at) if invocation.terminal else stamp(one.requested_at)),
        ("action", lambda one: one.action),
    ]
    with invocation.client() as client:
        found = client.approvals.list(state=None if state == "all" else state, limit=limit)
        output.many(invocation, found, columns, empty="Nothing waits for you.")


def get(approval: Wanted, /, *, invocation: Given) -> None:
    """Show what a run asks for, and what was decided."""
    with invocation.client() as client:
        _show(invocation, client.approvals.get(_id(client, approval)))


def approve(approval: Wanted, /, *, comment: Comment = None, invocation: Given) -> None:
    """Let a run do what it asks for."""
    with invocation.client() as client:
        _show(invocation, client.approvals.approve(_id(client, approval), comment=comment))


def reject(approval: Wanted, /, *, comment: Comment = None, invocation: Given) -> None:
    """Refuse what a run asks for."""
    with invocation.client() as client:
        _show(invocation, client.approvals.reject(_id(client, approval), comment=comment))


def _show(invocation: Invocation, one: Approval) -> None:
    fields: list[tuple[str, object]] = [
        ("id", one.id),
        ("run", one.run_id),
        ("name", one.name),
        ("state", one.state),
        ("action", one.action),
        ("description", one.description),
        ("risk", one.risk),
        ("changes", "\n".join(one.changes)),
        ("asked", stamp(one.requested_at)),
        ("rejected at", stamp(one.expires_at) if one.state == "pending" else ""),
        ("decided", stamp(one.decided_at)),
        ("by", one.decided_by),
        ("comment", one.comment),
    ]
    output.one(invocation, one, fields, name=one.id)


def _id(client: Client, text: str) -> str:
    """The id of the pending approval that is meant by its own id or its run's; else of whichever has this whole id."""
    wanted = text.strip().lower()
    if not PART.fullmatch(wanted):
        raise usage(f"{text!r} is not the id of an approval or a run", "Give at least 8 characters of it.")
    pending = list(client.approvals.list(state="pending", limit=RECENT))
    found = [one.id for one in pending if _fits(one.id, wanted) or _fits(one.run_id, wanted)]
    if len(found) > 1:
        raise usage(f"{len(found)} pending approvals fit {wanted}", f"They are {', '.join(found[:5])}.")
    if not found and not WHOLE.fullmatch(wanted):
        raise Failure(
            f"None of the {RECENT} newest pending approvals, nor its run, has an id that begins or ends with {wanted}.",
            code="not_found",
            hint="`runyard approvals list` shows what waits.",
            exit=Exit.NOT_FOUND,
        )
    return found[0] if found else wanted


def _fits(whole: str, part: str) -> bool:
    return whole.startswith(part) or whole.endswith(part)
