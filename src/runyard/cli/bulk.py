"""`runyard bulk …`, and how other commands act on many runs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.arguments import Limit, Reason, RunIds
from runyard.cli.confirm import Yes, confirm
from runyard.cli.exits import Exit
from runyard.cli.failures import usage
from runyard.cli.ids import run_id
from runyard.cli.invocation import Given, Invocation
from runyard.cli.runs.filters import EVERY, Filter, where_of
from runyard.cli.times import stamp

if TYPE_CHECKING:
    from runyard.sdk import Client
    from runyard.sdk.fields import RunFilter
    from runyard.sdk.models import Bulk

Action = Literal["cancel", "replay", "requeue", "discard", "resolve", "retry"]
BulkId = Annotated[str, Parameter(name="BULK", help="Id of the bulk operation.")]
OPEN = frozenset({"", "pending", "queued", "counting", "running", "canceling"})
POLL_SECONDS = 0.25
All = Annotated[bool, Parameter(name="--all", show_default=False, help="All that match the filters.")]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """The options that say how many runs are acted on."""

    reason: Reason = None
    dry_run: Annotated[bool, Parameter(show_default=False, help="Only say how many it would be.")] = False
    no_wait: Annotated[bool, Parameter(show_default=False, help="Do not wait until it is done.")] = False
    yes: Yes = False


PLAIN = Manner()


def start(
    action: Annotated[Action, Parameter(help="What to do to each run.")],
    *run: RunIds,
    all_runs: All = False,
    which: Filter = EVERY,
    manner: Manner = PLAIN,
    invocation: Given,
) -> int:
    """Do the same to many runs: those named, or all that match."""
    where = where_of(which)
    if run and (all_runs or where):
        raise usage("Runs are named and filters are given too.", "Give either ids, or --all and filters.")
    if not (run or all_runs or where):
        raise usage("No run is named, and no filter is given.", "Name runs, give filters, or say --all.")
    with invocation.client() as client:
        ids = [run_id(client, text) for text in run] or None
        return perform(invocation, client, action, ids=ids, where=where, manner=manner)


def list_bulks(*, limit: Limit = 50, invocation: Given) -> None:
    """List bulk operations, newest first."""
    columns: list[output.Column] = [
        ("id", lambda bulk: bulk.id),
        ("action", lambda bulk: bulk.action),
        ("state", lambda bulk: bulk.state),
        ("done", lambda bulk: f"{bulk.done}/{bulk.total}"),
        ("failed", lambda bulk: bulk.failed),
        ("created", lambda bulk: stamp(bulk.created_at)),
        ("reason", lambda bulk: bulk.reason or ""),
    ]
    with invocation.client() as client:
        output.many(invocation, client.bulk.list(limit=limit), columns, empty="There were no bulk operations.")


def get(bulk: BulkId, /, *, invocation: Given) -> None:
    """Show how far a bulk operation is."""
    with invocation.client() as client:
        show(invocation, client.bulk.get(bulk))


def cancel(bulk: BulkId, /, *, invocation: Given) -> None:
    """Stop a bulk operation; what it has done stays done."""
    with invocation.client() as client:
        show(invocation, client.bulk.cancel(bulk))


def perform(
    invocation: Invocation,
    client: Client,
    action: Action,
    *,
    ids: list[str] | None,
    where: RunFilter,
    manner: Manner,
) -> int:
    """Ask, have the server do it, wait for it, and tell; the exit code."""

    def begin(dry_run: bool) -> Bulk:
        if ids is not None:
            return client.bulk.start(action, ids=ids, dry_run=dry_run, reason=manner.reason)
        return client.bulk.start(action, filter=where, dry_run=dry_run, reason=manner.reason)

    if manner.dry_run:
        show(invocation, begin(dry_run=True))
        return Exit.OK
    if ids is None and not manner.yes:
        confirm(invocation, f"{action.capitalize()} {begin(dry_run=True).total} runs?", yes=False)
    bulk = begin(dry_run=False)
    if not manner.no_wait:
        bulk = _finished(invocation, client, bulk)
    show(invocation, bulk)
    return Exit.FAILURE if bulk.failed else Exit.OK


def show(invocation: Invocation, bulk: Bulk) -> None:
    """Print one bulk operation."""
    fields: list[tuple[str, object]] = [
        ("id", bulk.id),
        ("action", bulk.action + (" (dry run)" if bulk.dry_run else "")),
        ("state", bulk.state),
        ("runs", bulk.total),
        ("done", bulk.done),
        ("failed", bulk.failed),
        ("reason", bulk.reason),
        ("errors", output.pretty(bulk.errors) if bulk.errors else None),
    ]
    output.one(invocation, bulk, fields, name=bulk.id)


def _finished(invocation: Invocation, client: Client, bulk: Bulk) -> Bulk:
    """The operation when the server is through with it; Ctrl-C leaves it running."""
    told = time.monotonic()
    try:
        while bulk.finished_at is None and bulk.state in OPEN:
            time.sleep(POLL_SECONDS)
            bulk = client.bulk.get(bulk.id)
            if time.monotonic() - told >= 10:
                told = time.monotonic()
                output.note(invocation, f"{bulk.action}: {bulk.done} of {bulk.total} done, {bulk.failed} failed")
    except KeyboardInterrupt:
        output.note(invocation, f"\nDetached; it goes on. `runyard bulk get {bulk.id}` shows how far it is.")
        raise
    return bulk
