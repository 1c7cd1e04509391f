"""`runyard runs list|get|attempts|children|lineage|explain`."""

from __future__ import annotations

from runyard.cli import output
from runyard.cli.arguments import Limit, RunId
from runyard.cli.ids import run_id
from runyard.cli.invocation import Given
from runyard.cli.runs import view
from runyard.cli.runs.filters import EVERY, Filter, where_of
from runyard.cli.times import length, stamp


def list_runs(*, which: Filter = EVERY, limit: Limit = 50, invocation: Given) -> None:
    """List runs, newest first."""
    where = where_of(which)
    with invocation.client() as client:
        empty = "No run matches." if where else "There are no runs yet: `runyard runs create` makes one."
        view.show_list(invocation, client.runs.list(limit=limit, **where), empty=empty)


def get(run: RunId, /, *, invocation: Given) -> None:
    """Show all about one run."""
    with invocation.client() as client:
        view.show(invocation, client.runs.get(run_id(client, run)))


def attempts(run: RunId, /, *, invocation: Given) -> None:
    """List every try at a run."""
    columns: list[output.Column] = [
        ("attempt", lambda item: item.attempt),
        ("outcome", lambda item: item.outcome or "open"),
        ("worker", lambda item: item.worker or item.executor),
        ("claimed", lambda item: stamp(item.claimed_at)),
        (
            "took",
            lambda item: length(item.ended_at - (item.started_at or item.claimed_at)) if item.ended_at else "",
        ),
        ("error", lambda item: item.error_class or ""),
        ("message", lambda item: message_of(item.error)),
    ]
    with invocation.client() as client:
        tries = client.runs.attempts(run_id(client, run))
        output.many(invocation, tries, columns, empty="Nobody has tried it yet.")


def children(run: RunId, /, *, limit: Limit = 50, invocation: Given) -> None:
    """List the runs that a run spawned."""
    with invocation.client() as client:
        found = client.runs.children(run_id(client, run), limit=limit)
        view.show_list(invocation, found, empty="It has no children.")


def lineage(run: RunId, /, *, invocation: Given) -> None:
    """Show where a run comes from and what came of it."""
    with invocation.client() as client:
        whole = run_id(client, run)
        found = client.runs.lineage(whole)
    if invocation.json:
        output.one(invocation, found, [])
        return
    columns: list[output.Column] = [
        ("id", lambda item: item.id),
        ("link", _link),
        ("state", lambda item: item.state),
        ("job", lambda item: item.job or ""),
        ("created", lambda item: stamp(item.created_at)),
        ("", lambda item: "← this one" if item.id == whole else ""),
    ]
    seen = {item.id: item for item in (found.root, *found.runs)}
    output.many(invocation, seen.values(), columns, empty="")


def explain(run: RunId, /, *, invocation: Given) -> None:
    """Say why a run is where it is, and what would move it."""
    with invocation.client() as client:
        why = client.runs.explain(run_id(client, run))
    if invocation.json:
        output.one(invocation, why, [])
        return
    output.say(f"{why.state}: {why.summary}")
    for reason in why.reasons:
        # The first reason is the summary: it is not said twice.
        if reason.detail != why.summary:
            output.say(f"  - {reason.detail}")
        if reason.until:
            output.say(f"    until {stamp(reason.until)}")
        if reason.remedy:
            output.say(f"    → {reason.remedy}")
    if why.position is not None:
        output.say(f"  {why.position} before it in its queue")


def message_of(error: object) -> str:
    """The sentence in a run's error."""
    if isinstance(error, dict):
        return str(error.get("message") or output.encoded(error).decode())
    return "" if error is None else str(error)


def _link(item: object) -> str:
    links = {"replay_of": "replay of", "retry_of": "retry of", "continuation_of": "continues", "parent_id": "child of"}
    for name, text in links.items():
        if other := getattr(item, name):
            return f"{text} {other}"
    return ""
