"""`runyard runs retry|replay`."""

from __future__ import annotations

from typing import Annotated

import msgspec
from cyclopts import Parameter

from runyard.cli.arguments import RunId, json_object, json_value
from runyard.cli.ids import run_id
from runyard.cli.invocation import Given
from runyard.cli.runs.wait import Timeout, Wait, answer


def retry(
    run: RunId,
    /,
    *,
    config: Annotated[str | None, Parameter(help="JSON object merged over the payload's `config`; or @FILE.")] = None,
    wait: Wait = False,
    timeout: Timeout = None,
    invocation: Given,
) -> int:
    """Make a new run like an ended one."""
    with invocation.client() as client:
        value = json_object(config, "--config") if config is not None else None
        new = client.runs.retry(run_id(client, run), config=value)
        return answer(invocation, client, new, wait=wait, timeout=timeout)


def replay(
    run: RunId,
    /,
    *,
    payload: Annotated[str | None, Parameter(alias="-p", help="Another payload: JSON, @FILE, or - for input.")] = None,
    from_checkpoint: Annotated[int | None, Parameter(help="Number of the checkpoint to begin from.")] = None,
    wait: Wait = False,
    timeout: Timeout = None,
    invocation: Given,
) -> int:
    """Make a new run linked to an old one, with its payload or another."""
    with invocation.client() as client:
        value = json_value(payload, "--payload") if payload is not None else msgspec.UNSET
        new = client.runs.replay(run_id(client, run), payload=value, from_checkpoint=from_checkpoint)
        return answer(invocation, client, new, wait=wait, timeout=timeout)
