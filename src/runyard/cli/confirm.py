"""Questions before something that cannot be taken back."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from runyard.cli.failures import Failure, usage
from runyard.cli.invocation import Invocation

Yes = Annotated[bool, Parameter(alias="-y", show_default=False, help="Do not ask.")]


def confirm(invocation: Invocation, question: str, *, yes: bool) -> None:
    """Return when the answer is yes. Raises `Failure` on no, and where nobody can be asked."""
    if yes:
        return
    if invocation.json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise usage("This needs a confirmation, and there is no terminal to ask on.", "Give --yes to go ahead.")
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise Failure("Nothing was done.", code="declined")
