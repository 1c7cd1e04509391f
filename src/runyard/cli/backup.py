"""`runyard backup` and `runyard restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.confirm import Yes, confirm
from runyard.cli.invocation import Given
from runyard.cli.server_options import Data, settings


def backup(
    dest: Annotated[Path, Parameter(help="Folder to write; it must not exist, or be empty.")],
    /,
    *,
    data: Data = None,
    invocation: Given,
) -> None:
    """Copy the SQLite database and the artifacts while the server runs."""
    from runyard import app

    app.backup(settings(data=data), dest)
    output.one(invocation, {"backup": str(dest)}, [("backup", dest)], name=str(dest))


def restore(
    src: Annotated[Path, Parameter(help="Folder that `runyard backup` wrote.")],
    /,
    *,
    data: Data = None,
    yes: Yes = False,
    invocation: Given,
) -> None:
    """Put a backup in the place of the data folder's content; no server may run on it."""
    from runyard import app

    given = settings(data=data)
    confirm(invocation, f"Replace everything in {given.data} by {src}?", yes=yes)
    app.restore(given, src)
    output.one(invocation, {"restored": str(src), "data": str(given.data)}, [("restored", src), ("data", given.data)])
