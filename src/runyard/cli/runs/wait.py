"""Answer with a run, at once or when it has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.display import Display
from runyard.cli.exits import Exit, of_outcome
from runyard.cli.failures import usage
from runyard.cli.follow import follow
from runyard.cli.invocation import Invocation
from runyard.cli.runs import view
from runyard.cli.times import seconds

if TYPE_CHECKING:
    from runyard.sdk import Client
    from runyard.sdk.models import Run

Wait = Annotated[bool, Parameter(show_default=False, help="Follow it to its end; the exit code tells how it ended.")]
Timeout = Annotated[str | None, Parameter(help="With --wait: how long at most, like 10m; then exit code 7.")]


def answer(invocation: Invocation, client: Client, run: Run, *, wait: bool, timeout: str | None) -> int:
    """Print the run, with `wait` after it has ended; the exit code. Raises `Failure` when the time is up first."""
    if timeout is not None and not wait:
        raise usage("--timeout goes with --wait")
    if not wait:
        if invocation.json or invocation.quiet:
            view.show(invocation, run)
        else:
            output.pairs(invocation, [("id", run.id), ("state", run.state)])
            output.note(invocation, f"`runyard runs watch {run.id}` follows it.")
        return Exit.OK
    limit = seconds(timeout) if timeout is not None else None
    output.note(invocation, f"run {run.id}")
    with Display(invocation, stderr=True) as display:
        ended = follow(invocation, client, run.id, display, timeout=limit)
    view.show(invocation, ended)
    return of_outcome(ended.state)
