"""`runyard version`."""

from __future__ import annotations

import platform

from runyard import __version__
from runyard.cli import output
from runyard.cli.invocation import Given


def version(*, invocation: Given) -> None:
    """Say which release this is, and on which Python it runs."""
    record = {"version": __version__, "python": platform.python_version(), "platform": platform.platform()}
    output.one(invocation, record, list(record.items()), name=__version__)
