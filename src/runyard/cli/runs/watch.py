"""`runyard runs watch|logs|events`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.arguments import Limit, RunId
from runyard.cli.display import Display, details
from runyard.cli.exits import Exit, of_outcome
from runyard.cli.follow import follow
from runyard.cli.ids import run_id
from runyard.cli.invocation import Given
from runyard.cli.lines import Lines
from runyard.cli.times import seconds, stamp

if TYPE_CHECKING:
    from runyard.cli.follow import Follower
    from runyard.cli.invocation import Invocation
    from runyard.sdk.models import Run

Follow = Annotated[
    bool, Parameter(alias="-f", show_default=False, help="Stay and show what comes, until the run ends.")
]
After = Annotated[int, Parameter(help="Begin after this sequence number.")]


def watch(
    run: RunId,
    /,
    *,
    after: After = 0,
    timeout: Annotated[str | None, Parameter(help="How long at most, like 10m; then exit code 7.")] = None,
    invocation: Given,
) -> int:
    """Follow a run live; the exit code tells how it ended."""
    limit = seconds(timeout) if timeout is not None else None
    ended = _follow(invocation, run, after=after, timeout=limit)
    if invocation.output == "json":
        output.document(ended)
    elif invocation.output == "table":
        output.note(invocation, f"run {ended.id} is {ended.state}")
    return of_outcome(ended.state)


def logs(
    run: RunId,
    /,
    *,
    follow: Follow = False,
    level: Annotated[str | None, Parameter(help="Only lines of this level.")] = None,
    after: After = 0,
    limit: Annotated[int | None, Parameter(alias="-n", help="How many lines at most.")] = None,
    invocation: Given,
) -> int:
    """Print a run's log, oldest line first."""
    if follow:
        _follow(invocation, run, after=after, events=False)
        return Exit.OK
    with invocation.client() as client:
        entries = client.runs.logs(run_id(client, run), after=after or None, level=level, limit=limit)
        if invocation.json:
            output.many(invocation, entries, [], empty="")
            return Exit.OK
        for entry in entries:
            output.say(f"{stamp(entry.at)}  {entry.level:<7}  {entry.message}")
    return Exit.OK


def events(
    run: RunId,
    /,
    *,
    follow: Follow = False,
    type: Annotated[str | None, Parameter(help="Only events of this type.")] = None,
    after: After = 0,
    limit: Limit = 1000,
    invocation: Given,
) -> int:
    """Print a run's journal, oldest line first."""
    if follow:
        _follow(invocation, run, after=after, logs=False)
        return Exit.OK
    columns: list[output.Column] = [
        ("seq", lambda event: event.seq),
        ("at", lambda event: event.at.isoformat(timespec="milliseconds") if event.at else ""),
        ("type", lambda event: event.type),
        ("actor", lambda event: event.actor or ""),
        ("data", lambda event: details(event.data)),
    ]
    with invocation.client() as client:
        found = client.runs.events(run_id(client, run), after=after or None, type=type, limit=limit)
        output.many(invocation, found, columns, empty="Nothing has happened.")
    return Exit.OK


def _follow(
    invocation: Invocation,
    run: str,
    *,
    after: int,
    timeout: float | None = None,
    events: bool = True,
    logs: bool = True,
) -> Run:
    with invocation.client() as client:
        whole = run_id(client, run)
        if invocation.output == "jsonl":
            follower: Follower = Lines(events=events, logs=logs)
            return follow(invocation, client, whole, follower, after=after, timeout=timeout)
        # In JSON mode standard output is for the run itself, at the end.
        with Display(invocation, stderr=invocation.json, events=events, logs=logs) as display:
            return follow(invocation, client, whole, display, after=after, timeout=timeout)
