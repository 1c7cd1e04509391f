"""Bulk actions: one verb for many runs, kept and carried out in slices, each of which is whole or not at all.

The runs of a filter are those that were there when the action was asked for and are in a state it applies to; they are
counted first, then acted upon, newest first. A slice and its progress are one transaction, so that a run is acted upon
once, whatever crashes and however many servers take part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from runyard.domain.bulks import APPLIES_TO, Action, Bulk
from runyard.domain.errors import Conflict, DomainError, Invalid, NotFound
from runyard.domain.records import Run
from runyard.domain.states import RunState
from runyard.engine import cancellations, cascades, copies, listing, resolutions
from runyard.engine.filters import Filter
from runyard.engine.runs import Outcome
from runyard.engine.searches import IdPage
from runyard.storage.port import JournalLine, Tx
from runyard.storage.sql import BEYOND
from runyard.storage.statements import attempts
from runyard.storage.statements import bulks as sql
from runyard.storage.statements import listing as listing_sql
from runyard.storage.statements import runs as runs_sql

MOST = 10_000
"""How many runs can be named."""
SLICE = 50
"""How many runs one transaction acts upon."""
COUNTED = 500
"""How many runs one transaction counts."""
ERRORS = 100
"""How many failures are told."""
UNBEGUN = frozenset({RunState.DRAFT, RunState.SCHEDULED, RunState.QUEUED})
_json = msgspec.json.Encoder()


class Selection(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The runs meant: those named, or those that meet a filter."""

    ids: list[str] | None = None
    filter: Filter | None = None


class _Slice(msgspec.Struct, frozen=True, kw_only=True):
    """The next runs, and where the slice after them begins; None at the end."""

    ids: Sequence[str]
    after: str | None


def create(
    tx: Tx,
    project_id: int,
    *,
    action: Action,
    ids: Sequence[str] | None = None,
    filter: Filter | None = None,
    dry_run: bool = False,
    reason: str | None = None,
    actor: str | None = None,
) -> Bulk:
    """Ask for an action on the runs named, or on those that meet a filter; a dry run only counts them.

    What can be counted quickly is counted at once. Raises `Invalid`.
    """
    selection = _selection(action, ids, filter)
    if reason is not None and (len(reason) > 4096 or "\0" in reason):
        raise Invalid("a reason has at most 4096 characters")
    fresh = Bulk(
        id=tx.new_id(),
        project_id=project_id,
        action=action,
        state="counting",
        selection=_json.encode(selection).decode(),
        position=None,
        total=0,
        done=0,
        failed=0,
        errors="[]",
        dry_run=dry_run,
        reason=reason,
        created_by=actor,
        created_at=tx.now,
        updated_at=tx.now,
        finished_at=None,
    )
    bulk = _counted(tx, fresh)
    sql.insert(tx, bulk)
    _journal(tx, bulk, "bulk.created", actor)
    if bulk.finished_at is None:
        tx.wake("bulk")
    return bulk


def get(tx: Tx, project_id: int, bulk_id: str) -> Bulk:
    """The bulk action. Raises `NotFound`."""
    return _find(tx, project_id, bulk_id, lock=False)


def page(tx: Tx, project_id: int, *, before: str | None = None, limit: int = 50) -> list[Bulk]:
    """The project's bulk actions, newest first, from below the given id on."""
    return sql.page(tx, project_id, before=BEYOND if before is None else before, n=limit)


def cancel(tx: Tx, project_id: int, bulk_id: str, *, actor: str | None = None) -> Bulk:
    """Stop a bulk action; what it has done stays done. Raises `NotFound`, or `Conflict` when it is finished."""
    bulk = _find(tx, project_id, bulk_id, lock=True)
    if bulk.state == "canceled":
        return bulk
    if bulk.state == "finished":
        raise Conflict("the bulk action is finished; there is nothing left to stop")
    after = _ended(bulk, tx.now, state="canceled")
    sql.save(tx, after)
    _journal(tx, after, "bulk.canceled", actor)
    return after


def cancel_unbegun(
    tx: Tx,
    project_id: int,
    wanted: Filter,
    *,
    before: str | None = None,
    limit: int = SLICE,
    actor: str | None = None,
    reason: str | None = None,
) -> IdPage:
    """Cancel a slice of the runs that meet the filter and that nobody has begun to work on, newest first.

    The ids of those canceled, and where the next slice begins; nothing below them is canceled. Raises `Invalid`.
    """
    states = UNBEGUN if wanted.states is None else UNBEGUN & frozenset(wanted.states)
    narrowed = msgspec.structs.replace(wanted, states=tuple(sorted(states)))
    found = listing.ids(tx, project_id, narrowed, before=before, limit=limit)
    # Locked before the look, so that nobody begins and gives back one of them in between.
    runs_sql.lock(tx, found.ids)
    begun = attempts.begun(tx, found.ids)
    meant = [run_id for run_id in found.ids if run_id not in begun]
    outcomes = cancellations.cancel_many(tx, project_id, meant, actor=actor, reason=reason, among=states, levels=0)
    return IdPage(ids=[run.id for run in outcomes if isinstance(run, Run)], after=found.after)


def advance(tx: Tx, limit: int = SLICE) -> Bulk | None:
    """Carry on with one slice of the bulk action that has waited longest; None when there is nothing to do."""
    bulk = sql.next_open(tx)
    if bulk is None:
        return None
    if bulk.action == "cancel_below":
        after = cascades.advance(tx, bulk, limit)
    else:
        after = _counted(tx, bulk) if bulk.state == "counting" else _acted(tx, bulk, limit)
    after = msgspec.structs.replace(after, updated_at=tx.now)
    sql.save(tx, after)
    if after.finished_at is not None:
        _journal(tx, after, "bulk.finished", None)
    return after


def _find(tx: Tx, project_id: int, bulk_id: str, *, lock: bool) -> Bulk:
    bulk = sql.get(tx, project_id, bulk_id, lock=lock) if "\0" not in bulk_id else None
    if bulk is None:
        raise NotFound(f"there is no bulk action {bulk_id[:64]!r} in this project")
    return bulk


def _selection(action: Action, ids: Sequence[str] | None, filter: Filter | None) -> Selection:
    if action not in APPLIES_TO:
        raise Invalid(f"{str(action)[:64]!r} is no bulk action; there are {', '.join(APPLIES_TO)}")
    if (ids is None) == (filter is None):
        raise Invalid("say which runs: either `ids` or `filter`")
    if filter is not None:
        return Selection(filter=_narrowed(action, filter))
    named = list(dict.fromkeys(ids or ()))
    if not 1 <= len(named) <= MOST:
        raise Invalid(f"name 1 to {MOST:,} runs; for more use a filter")
    if any(len(run_id) > 64 for run_id in named):
        raise Invalid("`ids` holds something longer than any id")
    return Selection(ids=named)


def _narrowed(action: Action, wanted: Filter) -> Filter:
    """The filter for runs in a state the action applies to."""
    states = APPLIES_TO[action] if wanted.states is None else APPLIES_TO[action] & frozenset(wanted.states)
    narrowed = msgspec.structs.replace(wanted, states=tuple(sorted(states)))
    if action == "resolve" and wanted.resolved is None:
        return msgspec.structs.replace(narrowed, resolved=False)
    return narrowed


def _counted(tx: Tx, bulk: Bulk) -> Bulk:
    """The bulk action with another slice counted; where that was the last, it is ready to act, or finished."""
    selection = _decoded(bulk.selection)
    part = _next(tx, bulk, selection, COUNTED)
    count = len(part.ids)
    if bulk.dry_run and selection.ids is not None and part.ids:
        states = sorted(state.value for state in APPLIES_TO[bulk.action])
        params: dict[str, Any] = {"project_id": bulk.project_id, "states": states}
        clean = [run_id for run_id in part.ids if "\0" not in run_id]
        count = len(listing_sql.checked(tx, clean, ["project", "states"], params))
    after = msgspec.structs.replace(bulk, total=bulk.total + count, position=part.after)
    if part.after is not None:
        return after
    if bulk.dry_run or after.total == 0:
        return _ended(after, tx.now, state="finished")
    return msgspec.structs.replace(after, state="running")


def _acted(tx: Tx, bulk: Bulk, limit: int) -> Bulk:
    """The bulk action with another slice of its runs acted upon."""
    part = _next(tx, bulk, _decoded(bulk.selection), limit)
    outcomes = zip(part.ids, _act(tx, bulk, part.ids), strict=True)
    errors = [
        {"run_id": run_id, "code": error.code, "detail": error.detail}
        for run_id, error in outcomes
        if isinstance(error, DomainError)
    ]
    done, failed = bulk.done + len(part.ids) - len(errors), bulk.failed + len(errors)
    after = msgspec.structs.replace(bulk, done=done, failed=failed, position=part.after)
    after = msgspec.structs.replace(after, total=max(bulk.total, done + failed))
    if errors and bulk.failed < ERRORS:
        told = msgspec.json.decode(bulk.errors, type=list[dict[str, str]])
        after = msgspec.structs.replace(after, errors=_json.encode([*told, *errors][:ERRORS]).decode())
    if part.after is None:
        return _ended(after, tx.now, state="finished")
    return after


def _next(tx: Tx, bulk: Bulk, selection: Selection, limit: int) -> _Slice:
    if selection.ids is not None:
        start = int(bulk.position or 0)
        stop = start + limit
        return _Slice(ids=selection.ids[start:stop], after=str(stop) if stop < len(selection.ids) else None)
    # Below the action's own id: runs made since then, by itself perhaps, are not meant.
    before = bulk.position or bulk.id
    found = listing.ids(tx, bulk.project_id, selection.filter or Filter(), before=before, limit=limit, examined=COUNTED)
    return _Slice(ids=found.ids, after=found.after)


def _act(tx: Tx, bulk: Bulk, ids: Sequence[str]) -> list[Outcome]:
    """Do it to these runs; the run or why not, for each."""
    said: Mapping[str, Any] = {"actor": bulk.created_by}
    because: Mapping[str, Any] = {"actor": bulk.created_by, "reason": bulk.reason}
    match bulk.action:
        case "cancel":
            return cancellations.cancel_many(tx, bulk.project_id, ids, **because)
        case "requeue":
            return resolutions.requeue_many(tx, bulk.project_id, ids, **because)
        case "discard":
            return resolutions.discard_many(tx, bulk.project_id, ids, **because)
        case "resolve":
            return resolutions.resolve_many(tx, bulk.project_id, ids, **because)
        case "replay":
            return copies.replay_many(tx, bulk.project_id, ids, **said)
        case "retry":
            return copies.retry_many(tx, bulk.project_id, ids, **said)
        case "cancel_below":
            raise AssertionError("what hangs below canceled runs is told by no ids")


def _ended(bulk: Bulk, now: int, *, state: Any) -> Bulk:
    return msgspec.structs.replace(bulk, state=state, position=None, updated_at=now, finished_at=now)


@lru_cache(maxsize=8)
def _decoded(text: str) -> Selection:
    return msgspec.json.decode(text, type=Selection)


def _journal(tx: Tx, bulk: Bulk, event: str, actor: str | None) -> None:
    data = {"bulk_id": bulk.id, "action": bulk.action, "total": bulk.total, "done": bulk.done, "failed": bulk.failed}
    tx.emit(JournalLine(bulk.project_id, None, event, actor, _json.encode(data).decode()))
