"""Canceling what hangs below canceled runs: a few at once, and very many in slices, as a bulk action of its own.

Nobody spawns below a run that has ended, so what hangs there can only become less.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from runyard.domain.bulks import Bulk
from runyard.domain.moves import move
from runyard.domain.records import Run
from runyard.domain.states import RunState
from runyard.engine.transitions import apply
from runyard.storage.port import Tx
from runyard.storage.statements import bulks, runs

AT_ONCE = 200
"""How many runs are looked at in the transaction that cancels what they hang below."""
_ERROR = '{"message":"parent run canceled","kind":"canceled"}'
_json = msgspec.json.Encoder()


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A run whose children are to be canceled, so many levels deep, from behind the given id on."""

    run_id: str
    levels: int
    after: str = ""


class Cascade(msgspec.Struct, frozen=True, kw_only=True):
    """What is left to do; runs in other states than `among` are left alone, but not what hangs below them."""

    below: list[Step]
    among: list[RunState]


def cancel_below(
    tx: Tx, project_id: int, ids: Sequence[str], *, actor: str | None, among: frozenset[RunState], levels: int
) -> None:
    """Cancel what is in one of those states below these runs; what is too much for now is put off."""
    room = AT_ONCE
    while ids and levels > 0:
        children = runs.children(tx, ids, room + 1)
        if len(children) > room:
            _put_off(tx, project_id, ids, actor, among, levels)
            return
        _cancel(tx, children, actor, among)
        ids, room, levels = [run.id for run in children], room - len(children), levels - 1


def _cancel(tx: Tx, found: Sequence[Run], actor: str | None, among: frozenset[RunState]) -> int:
    said: dict[str, Any] = {"data": {"reason": "parent canceled"}, "error": _ERROR, "error_class": "canceled"}
    live = [run for run in found if run.state in among]
    apply(tx, [move(run, "cancel", tx.now, actor=actor, **said) for run in live])
    return len(live)


def _put_off(
    tx: Tx, project_id: int, ids: Sequence[str], actor: str | None, among: frozenset[RunState], levels: int
) -> None:
    cascade = Cascade(
        below=[Step(run_id=run_id, levels=levels) for run_id in runs.parents_among(tx, ids)], among=sorted(among)
    )
    rest = Bulk(
        id=tx.new_id(),
        project_id=project_id,
        action="cancel_below",
        state="running",
        selection=_json.encode(cascade).decode(),
        position=None,
        total=0,
        done=0,
        failed=0,
        errors="[]",
        dry_run=False,
        reason="parent canceled",
        created_by=actor,
        created_at=tx.now,
        updated_at=tx.now,
        finished_at=None,
    )
    bulks.insert(tx, rest)
    tx.wake("bulk")


def advance(tx: Tx, bulk: Bulk, limit: int) -> Bulk:
    """The bulk action with one slice more behind it; finished when nothing is left."""
    left = msgspec.json.decode(bulk.selection, type=Cascade)
    step, *others = left.below
    children = runs.children_of(tx, step.run_id, step.after, limit)
    done = bulk.done + _cancel(tx, children, bulk.created_by, frozenset(left.among))
    deeper = runs.parents_among(tx, [run.id for run in children]) if step.levels > 1 else []
    below = [Step(run_id=run_id, levels=step.levels - 1) for run_id in deeper] + others
    if len(children) == limit:
        below.append(msgspec.structs.replace(step, after=children[-1].id))
    return msgspec.structs.replace(
        bulk,
        selection=_json.encode(msgspec.structs.replace(left, below=below)).decode(),
        total=done,
        done=done,
        state=bulk.state if below else "finished",
        finished_at=None if below else tx.now,
    )
