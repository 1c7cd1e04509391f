"""`runyard coding say|interrupt`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.arguments import RunId
from runyard.cli.failures import usage
from runyard.cli.ids import run_id
from runyard.cli.invocation import Given

ENDED = "end_turn"
"""How a turn ends of which nothing is to be remarked."""
Words = Annotated[str, Parameter(name="TEXT", help="What to say, in one word or many.")]


def say(
    run: RunId,
    /,
    *text: Words,
    file: Annotated[
        list[str] | None, Parameter(help="Id of a file in the run's manifest that comes with it (repeatable).")
    ] = None,
    steer: Annotated[
        bool, Parameter(show_default=False, help="It is for the turn that the agent takes now, where it can hear it.")
    ] = False,
    invocation: Given,
) -> None:
    """Say something to the agent in a run's sandbox; its answer, when its turn ends."""
    if not text:
        raise usage("There is nothing to say", "Say it behind the run: `runyard coding say RUN 'go on'`.")
    with invocation.client() as client:
        answer = client.coding_runs.say(run_id(client, run), " ".join(text), artifact_ids=file or (), steer=steer)
    if invocation.json:
        output.one(invocation, answer, [])
        return
    if answer.message:
        output.say(answer.message)
    if answer.stop_reason != ENDED or answer.error:
        output.note(invocation, f"{answer.stop_reason}: {answer.error}" if answer.error else answer.stop_reason)


def interrupt(run: RunId, /, *, invocation: Given) -> None:
    """Stop the turn that the agent in a run's sandbox takes."""
    with invocation.client() as client:
        wanted = run_id(client, run)
        client.coding_runs.interrupt(wanted)
    output.one(invocation, {"interrupted": wanted}, [("interrupted", wanted)], name=wanted)
