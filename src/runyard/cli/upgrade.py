"""`runyard upgrade`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.invocation import Given
from runyard.cli.server_options import Data, Database, settings


def upgrade(
    *,
    check: Annotated[bool, Parameter(show_default=False, help="Only say which migrations would run.")] = False,
    database: Database = None,
    data: Data = None,
    invocation: Given,
) -> None:
    """Bring the database up to this release; a server does so itself when it starts."""
    from runyard import app

    names = [str(name) for name in app.upgrade(settings(database=database, data=data), check=check)]
    if invocation.json:
        output.one(invocation, {"pending" if check else "applied": names}, [])
    elif names:
        for name in names:
            output.say(name)
    else:
        output.note(invocation, "The database is up to date.")
