"""The same done to many things, each by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from runyard.cli import output
from runyard.cli.exits import Exit
from runyard.cli.failures import Failure, translated, usage
from runyard.cli.invocation import Invocation

if TYPE_CHECKING:
    from runyard.sdk import Client

T = TypeVar("T")


def each(
    invocation: Invocation,
    what: str,
    named: Sequence[str],
    act: Callable[[Client, str], T],
    columns: Callable[[Sequence[T]], Sequence[output.Column]],
) -> int:
    """Do it to everything named, telling what became of each; the exit code of the first that refused."""
    from runyard.sdk import RunyardError

    if not named:
        raise usage(f"No {what} is named.", "Give one id or more.")
    done: list[T] = []
    refused: list[Failure] = []
    with invocation.client() as client:
        for text in named:
            try:
                done.append(act(client, text))
            except (Failure, RunyardError) as error:
                failure = translated(error)
                # A single refusal is the failure of the command itself; one of many is a line among others.
                if len(named) == 1 or failure.exit in {Exit.AUTH, Exit.TRY_AGAIN}:
                    raise failure from None
                failure.message = f"{text}: {failure.message}"
                refused.append(failure)
    if invocation.output == "json" and len(named) == 1:
        output.document(done[0])
    else:
        output.many(invocation, done, columns(done), empty="")
    for failure in refused:
        output.complain(invocation, failure)
    return refused[0].exit if refused else Exit.OK
