"""Accounts of runs for who called on an agent: how it stands, what it asks for, what its agent did, what came of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec

import msgspec

from runyard.domain.agents import phase_of
from runyard.domain.approvals import Approval
from runyard.domain.findings import Action
from runyard.domain.records import Run
from runyard.domain.states import RunState
from runyard.domain.thoughts import Step
from runyard.domain.traces import Output
from runyard.engine import actions, agent_lists, approvals, outputs, thoughts
from runyard.engine.agent_lists import Watched
from runyard.storage.port import Tx
from runyard.storage.statements import approvals as approvals_sql

P = ParamSpec("P")
SHOWN = 50
"""How many of its named outputs are shown with a run that has no output of its own."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """All that is told of a run."""

    run: Run
    watched: Watched
    pending: Approval | None
    """What people are to decide before it goes on."""
    steps: list[Step]
    actions: list[Action]
    outputs: list[Output]


def find(tx: Tx, project_id: int, run_id: str) -> Account:
    """The account of any run of the project. Raises `NotFound`."""
    run, watched = agent_lists.find(tx, project_id, run_id)
    nothing = run.output is None or run.output == "null"
    return Account(
        run=run,
        watched=watched if run.agent else _plain(tx, run, watched),
        pending=approvals.pending_of(tx, run),
        steps=thoughts.of_run(tx, project_id, run.id),
        actions=actions.of_run(tx, project_id, run.id, limit=actions.MOST).rows,
        outputs=outputs.of_run(tx, project_id, run.id, limit=SHOWN).rows if nothing else [],
    )


def after(
    tx: Tx, op: Callable[Concatenate[Tx, int, P], Run], project_id: int, *args: P.args, **kwargs: P.kwargs
) -> Account:
    """The account of the run that an operation gives back. Raises what the operation raises."""
    return find(tx, project_id, op(tx, project_id, *args, **kwargs).id)


def _plain(tx: Tx, run: Run, watched: Watched) -> Watched:
    """A run that is of no agent: nobody notes when it began, but who asked for something has begun."""
    if run.state is not RunState.QUEUED or not approvals_sql.of_runs(tx, [run.id]):
        return watched
    row = msgspec.structs.replace(watched.row, phase=phase_of(run, begun=True))
    return msgspec.structs.replace(watched, row=row)
