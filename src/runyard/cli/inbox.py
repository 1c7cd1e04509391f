"""`runyard inbox`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.arguments import Limit, Workspace
from runyard.cli.invocation import Given
from runyard.cli.times import ago, now, stamp

Lane = Literal["my_work", "approvals", "failed_runs", "blocked", "archived"]


def inbox(
    *,
    lane: Annotated[Lane | None, Parameter(help="Only this lane.")] = None,
    unread: Annotated[bool, Parameter(show_default=False, help="Only what you have not read as it stands.")] = False,
    workspace: Workspace = None,
    limit: Limit = 50,
    invocation: Given,
) -> None:
    """List the tasks that wait for you, lane by lane."""
    with invocation.client() as client:
        found = client.inbox.get(lane=lane, unread=unread or None, workspace=workspace, limit=limit)
    if invocation.json:
        output.one(invocation, found, [])
        return
    at = now()

    def when(moment: datetime | None) -> str:
        return ago(moment, at) if invocation.terminal else stamp(moment)

    columns: list[output.Column] = [
        ("id", lambda row: row[1].task.id),
        ("lane", lambda row: row[0]),
        ("status", lambda row: row[1].task.status),
        ("why", lambda row: (row[1].reason or "").replace("_", " ")),
        ("read", lambda row: row[1].triage is not None and row[1].triage.read),
        ("active", lambda row: ago(row[1].task.active_at, at) if invocation.terminal else stamp(row[1].task.active_at)),
        ("title", lambda row: " ".join(row[1].task.title.split())),
    ]
    rows = [(group.lane, item) for group in found.lanes for item in group.items]
    output.many(invocation, rows, columns, empty="Nothing waits for you.")
    if found.total > len(rows):
        output.note(invocation, f"{len(rows)} of {found.total}; `--limit` shows more of each lane.")
