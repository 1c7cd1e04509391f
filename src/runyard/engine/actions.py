"""Actions: what agents did to the world outside, as they tell it."""

from __future__ import annotations

from functools import partial

import msgspec

from runyard.domain.errors import Conflict, Invalid
from runyard.domain.findings import RESULTS, Action, ActionResult
from runyard.domain.records import Json
from runyard.domain.slices import Slice
from runyard.engine import fences, runs, sizes
from runyard.engine.fences import Writer
from runyard.storage.port import Tx
from runyard.storage.statements import actions as sql

MOST = 1000
"""How many actions a run may have."""
DETAILS = 64 << 10


class NewAction(msgspec.Struct, frozen=True, kw_only=True):
    """An action to record."""

    type: str
    description: str
    target: str | None = None
    url: str | None = None
    result: ActionResult = "success"
    details: Json | None = None


def add(tx: Tx, writer: Writer, new: NewAction) -> Action:
    """Record an action. Raises `NotFound`, `LeaseLost`, `Conflict`, `Invalid`, `TooLarge`."""
    _check(new)
    run = fences.open_for(tx, writer)
    if sql.count(tx, run.id) >= MOST:
        raise Conflict(f"the run has {MOST} actions already, and no more are kept")
    made = Action(
        id=tx.new_id(),
        project_id=run.project_id,
        run_id=run.id,
        attempt=run.attempt,
        at=tx.now,
        type=new.type,
        description=new.description,
        target=new.target,
        url=new.url,
        result=new.result,
        details=new.details,
    )
    sql.add(tx, made)
    said = {"id": made.id, "type": made.type, "target": made.target, "result": made.result}
    fences.journal(tx, run, "run.action_taken", writer.actor, said)
    return made


def of_run(tx: Tx, project_id: int, run_id: str, *, after: str = "", limit: int = 50) -> Slice[Action, str]:
    """The run's actions, oldest first. Raises `NotFound`."""
    runs.find(tx, project_id, run_id)
    ahead = sql.sizes(tx, run_id, after, limit + 1)
    return sizes.sliced(ahead, limit, partial(sql.between, tx, run_id))


def _check(new: NewAction) -> None:
    sizes.plain("the type of an action", new.type, longest=64, shortest=1)
    sizes.plain("the description of an action", new.description, longest=10_000, shortest=1)
    sizes.plain("the target of an action", new.target, longest=2048)
    sizes.plain("the URL of an action", new.url, longest=2048)
    if new.url is not None and not new.url.startswith(("https://", "http://")):
        raise Invalid("the URL of an action begins with https:// or http://")
    if new.result not in RESULTS:
        raise Invalid(f"{new.result[:64]!r} is not a result; there are {', '.join(RESULTS)}")
    sizes.within(DETAILS, "the details of an action", new.details)
