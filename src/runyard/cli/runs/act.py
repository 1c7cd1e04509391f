"""`runyard runs cancel|pause|resume|restart|reschedule|requeue|discard|resolve`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.arguments import Reason, RunId, RunIds, json_value
from runyard.cli.each import each as to_each
from runyard.cli.failures import usage
from runyard.cli.ids import run_id
from runyard.cli.invocation import Given, Invocation
from runyard.cli.times import moment, now, seconds, stamp

if TYPE_CHECKING:
    from runyard.sdk import Client
    from runyard.sdk.models import Run

Preset = Literal["micro", "small-1x", "small-2x", "medium-1x", "medium-2x", "large-1x", "large-2x"]


def cancel(*run: RunIds, reason: Reason = None, invocation: Given) -> int:
    """Stop runs and their children."""
    return each(invocation, run, lambda client, one: client.runs.cancel(one, reason=reason))


def pause(*run: RunIds, reason: Reason = None, invocation: Given) -> int:
    """Park runs until they are resumed."""
    return each(invocation, run, lambda client, one: client.runs.pause(one, reason=reason))


def resume(*run: RunIds, reason: Reason = None, invocation: Given) -> int:
    """Queue paused runs again."""
    return each(invocation, run, lambda client, one: client.runs.resume(one, reason=reason))


def restart(
    *run: RunIds,
    preset: Annotated[Preset | None, Parameter(help="Another preset for a managed run.")] = None,
    reason: Reason = None,
    invocation: Given,
) -> int:
    """Queue running or paused runs again, at the attempt they are at; who holds them loses them."""
    return each(invocation, run, lambda client, one: client.runs.restart(one, preset=preset, reason=reason))


def requeue(*run: RunIds, reason: Reason = None, invocation: Given) -> int:
    """Give runs in the dead letter, or that nobody took, another chance in place."""
    return each(invocation, run, lambda client, one: client.runs.requeue(one, reason=reason))


def discard(*run: RunIds, reason: Reason = None, invocation: Given) -> int:
    """Give up runs in the dead letter."""
    return each(invocation, run, lambda client, one: client.runs.discard(one, reason=reason))


def resolve(*run: RunIds, reason: Reason = None, invocation: Given) -> int:
    """Mark failed runs as dealt with."""
    return each(invocation, run, lambda client, one: client.runs.resolve(one, reason=reason))


def reschedule(
    run: RunId,
    /,
    *,
    at: Annotated[str | None, Parameter(help="When: a time like 2025-01-31T09:00:00Z.")] = None,
    delay: Annotated[str | None, Parameter(help="How long from now, like 10m.")] = None,
    payload: Annotated[str | None, Parameter(alias="-p", help="Another payload: JSON, @FILE, or - for input.")] = None,
    invocation: Given,
) -> int:
    """Give a run that has not begun another time; without one it runs now."""
    if at and delay:
        raise usage("--at and --delay exclude each other")
    available = moment(at, now(), ahead=True) if at else None
    wait = seconds(delay) if delay else None
    value = json_value(payload, "--payload") if payload is not None else msgspec.UNSET
    return each(
        invocation,
        (run,),
        lambda client, one: client.runs.reschedule(one, available_at=available, delay_seconds=wait, payload=value),
    )


def each(invocation: Invocation, runs: tuple[str, ...], act: Callable[[Client, str], Run]) -> int:
    """Do it to every run, telling what became of each; the exit code of the first that refused."""
    return to_each(invocation, "run", runs, lambda client, text: act(client, run_id(client, text)), _columns)


def _columns(runs: Sequence[Run]) -> list[output.Column]:
    columns: list[output.Column] = [
        ("id", lambda run: run.id),
        ("state", lambda run: run.state),
        ("available", lambda run: stamp(run.available_at) if run.state == "scheduled" else ""),
    ]
    return columns if any(run.state == "scheduled" for run in runs) else columns[:2]
