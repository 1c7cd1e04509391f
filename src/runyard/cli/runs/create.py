"""`runyard runs create`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from runyard.cli.failures import usage
from runyard.cli.invocation import Given
from runyard.cli.runs.wait import Timeout, Wait, answer
from runyard.cli.runs.wishes import NOTHING, Wishes, fields_of


def create(
    job: Annotated[str | None, Parameter(help="Name of a job; without one the run is ad hoc.")] = None,
    *,
    wishes: Wishes = NOTHING,
    draft: Annotated[bool, Parameter(show_default=False, help="Record it without asking for it yet.")] = False,
    wait: Wait = False,
    timeout: Timeout = None,
    invocation: Given,
) -> int:
    """Ask for a run."""
    if timeout is not None and not wait:
        raise usage("--timeout goes with --wait")
    given = fields_of(wishes)
    if job is not None:
        given["job"] = job
    if draft:
        given["draft"] = True
    with invocation.client() as client:
        return answer(invocation, client, client.runs.create(**given), wait=wait, timeout=timeout)
