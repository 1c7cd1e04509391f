"""`runyard schedules …`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from runyard.cli import output
from runyard.cli.arguments import Limit
from runyard.cli.invocation import Given
from runyard.cli.times import stamp

Count = Annotated[int, Parameter(validator=Number(gte=1, lte=20), help="How many of the next times are told.")]


def list_schedules(*, count: Count = 3, limit: Limit = 50, invocation: Given) -> None:
    """List the jobs that make runs by the clock, each with its next times."""
    columns: list[output.Column] = [
        ("job", lambda one: one.job),
        ("cron", lambda one: one.cron),
        ("time zone", lambda one: one.timezone),
        ("overlap", lambda one: one.overlap),
        ("last", lambda one: stamp(one.last_at)),
        ("next", lambda one: " ".join(stamp(at) for at in one.next)),
    ]
    with invocation.client() as client:
        found = client.schedules.list(count=count, limit=limit)
        output.many(invocation, found, columns, empty="No enabled job has a cron expression.")
