"""`runyard runs debug`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.arguments import RunId
from runyard.cli.failures import usage
from runyard.cli.ids import run_id
from runyard.cli.invocation import Given, Invocation
from runyard.cli.runs import view
from runyard.cli.times import stamp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runyard.sdk.models import DebugBundle


def debug(
    run: RunId,
    /,
    *,
    on: Annotated[bool, Parameter(show_default=False, help="Ask for more detail of it from now on.")] = False,
    off: Annotated[bool, Parameter(show_default=False, help="Ask for no more than usual.")] = False,
    invocation: Given,
) -> None:
    """Show everything that is recorded of a run, in one piece; or ask for more detail of it."""
    if on and off:
        raise usage("--on and --off exclude each other")
    with invocation.client() as client:
        whole = run_id(client, run)
        if on or off:
            view.show(invocation, client.runs.set_debug(whole, on=on))
            return
        bundle = client.runs.debug(whole)
    if invocation.json:
        output.one(invocation, bundle, [])
    else:
        _show(invocation, bundle)


def _show(invocation: Invocation, bundle: DebugBundle) -> None:
    view.show(invocation, bundle.run)
    if invocation.quiet:
        return
    logs: list[output.Column] = [
        ("at", lambda one: stamp(one.at)),
        ("level", lambda one: one.level),
        ("attempt", lambda one: one.attempt),
        ("message", lambda one: one.message),
    ]
    checkpoints: list[output.Column] = [
        ("number", lambda one: one.number),
        ("at", lambda one: stamp(one.at)),
        ("attempt", lambda one: one.attempt),
        ("label", lambda one: one.label or ""),
        ("state", lambda one: _json(one.state)),
    ]
    used: list[output.Column] = [
        ("model", lambda one: one.model),
        ("at", lambda one: stamp(one.at)),
        ("tokens", lambda one: one.total_tokens),
        ("cost", lambda one: f"${one.cost_micro_usd / 1_000_000:.6f}"),
    ]
    tools: list[output.Column] = [
        ("tool", lambda one: one.name),
        ("at", lambda one: stamp(one.at)),
        ("status", lambda one: one.status),
        ("ms", lambda one: one.duration_ms),
        ("error", lambda one: one.error or ""),
    ]
    outputs: list[output.Column] = [("output", lambda one: one.key), ("value", lambda one: _json(one.value))]
    samples: list[output.Column] = [
        ("at", lambda one: stamp(one.at)),
        ("cpu %", lambda one: one.cpu_percent),
        ("memory MiB", lambda one: one.memory_mb),
        ("of MiB", lambda one: one.memory_limit_mb),
    ]
    # The newest come first from the server; what happened is read from the beginning.
    _section(invocation, "log", bundle.logs[::-1], logs)
    _section(invocation, "checkpoints", bundle.checkpoints[::-1], checkpoints)
    _section(invocation, "usage", bundle.usage[::-1], used)
    _section(invocation, "tool calls", bundle.tool_calls[::-1], tools)
    _section(invocation, "outputs", bundle.outputs, outputs)
    _section(invocation, "samples", bundle.samples[::-1], samples)


def _section(invocation: Invocation, title: str, found: Sequence[object], columns: list[output.Column]) -> None:
    if found:
        output.say(f"\n{title}")
        output.many(invocation, found, columns, empty="")


def _json(value: object) -> str:
    return output.encoded(value).decode()
