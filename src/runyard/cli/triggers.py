"""`runyard jobs trigger`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.exits import Exit
from runyard.cli.failures import Failure, usage
from runyard.cli.invocation import Given, Invocation
from runyard.cli.jobs import Name
from runyard.cli.runs.wait import Timeout, Wait, answer
from runyard.cli.runs.wishes import NOTHING, Wishes, fields_of
from runyard.cli.times import stamp

if TYPE_CHECKING:
    from runyard.sdk import Run
    from runyard.sdk.models import Triggered


def trigger(
    job: Name,
    /,
    *,
    wishes: Wishes = NOTHING,
    debounce_key: Annotated[str | None, Parameter(help="Which triggers follow each other, if it debounces.")] = None,
    batch_key: Annotated[str | None, Parameter(help="Which triggers are gathered, if it batches.")] = None,
    dry_run: Annotated[bool, Parameter(show_default=False, help="Only say what would be made.")] = False,
    wait: Wait = False,
    timeout: Timeout = None,
    invocation: Given,
) -> int:
    """Ask a job for a run as all its settings say: debounce, batches, dedup, windows."""
    if timeout is not None and not wait:
        raise usage("--timeout goes with --wait")
    if dry_run and wait:
        raise usage("--dry-run and --wait exclude each other")
    more = {"debounce_key": debounce_key, "batch_key": batch_key, "dry_run": dry_run or None}
    given = fields_of(wishes) | {name: value for name, value in more.items() if value is not None}
    with invocation.client() as client:
        told = client.jobs.trigger(job, **given)
        if not wait:
            _show(invocation, told)
            return Exit.OK
        if told.run is None:
            when = (
                f"It makes its run at {stamp(told.fire_at)}." if told.fire_at else "It makes one with those it joins."
            )
            raise Failure(
                f"The trigger was {told.outcome}: there is no run yet to wait for.", code="put_off", hint=when
            )
        return answer(invocation, client, told.run, wait=True, timeout=timeout)


def _show(invocation: Invocation, told: Triggered[Run]) -> None:
    made = told.run if told.outcome != "checked" else None
    if invocation.quiet and not invocation.json and made is None:
        # There is no id to print, and nothing else may be.
        return
    fields: list[tuple[str, object]] = [
        ("outcome", told.outcome),
        ("id", made.id if made is not None else None),
        ("state", told.run.state if told.run is not None else None),
        ("makes its run", stamp(told.fire_at)),
        ("payload hash", told.payload_hash),
        ("warnings", "; ".join(told.warnings)),
    ]
    output.one(invocation, told, fields, name=made.id if made is not None else None)
    if made is not None and not invocation.json:
        output.note(invocation, f"`runyard runs watch {made.id}` follows it.")
