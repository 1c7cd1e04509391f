"""Waits for events: a run parks under a name until somebody outside sends what it waits for.

In a project a name is waited for once at a time. A wait that is open ends with its run's waiting, however that ends: by
the event, by its time running out, or because the run was canceled, ended or restarted.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

import msgspec

from runyard.domain.canonical import canonical
from runyard.domain.errors import AlreadyExists, Conflict, DomainError, IllegalMove, Invalid, NotFound, RateLimited
from runyard.domain.moves import move
from runyard.domain.records import Move, Run, Waiting
from runyard.domain.states import LEASED, RunState
from runyard.domain.waits import EventWait, WaitState
from runyard.engine import cancellations, deliveries, quotas, sizes
from runyard.engine.ledger import journal
from runyard.engine.proofs import Pass, Report, fence
from runyard.engine.rates import first_id_at
from runyard.engine.transitions import apply, end_waits
from runyard.storage.port import Tx, many
from runyard.storage.sql import BEYOND, FOREVER
from runyard.storage.statements import event_waits as sql
from runyard.storage.statements import runs as runs_sql

SECOND = 1_000_000
DEFAULT = 3600 * SECOND
LONGEST = 30 * 86400 * SECOND
SLICE = 200
"""How many waits one transaction answers or removes."""
COUNTED = 100_000
"""How far waits of each state are counted."""
AVERAGED = 1000
SLACK = 60 * SECOND
"""How far an id's time may be from the time beside it."""
FINISHED = (WaitState.RECEIVED, WaitState.TIMED_OUT, WaitState.CANCELED)


class NewWait(Report, frozen=True, kw_only=True):
    """The run waits for an event of this name."""

    name: str
    timeout: int = DEFAULT
    request: str | None = None
    """What those who may send the event should know, as JSON."""
    notify_url: str | None = None


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """A wait, and the run as it waits."""

    wait: EventWait
    run: Run


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """How many waits there are in each state, counted up to `COUNTED`, and how long the last answered ones took."""

    counts: dict[WaitState, int]
    average: float


@many
def begin(tx: Tx, requests: Sequence[NewWait]) -> list[Begun | DomainError]:
    """Park runs until their events come; each request is answered for itself.

    Refused are bad names and times (`Invalid`), runs that nobody works on (`Conflict`), names that are waited for
    already (`AlreadyExists`), and more waits than the project may have (`RateLimited`).
    """
    outcomes: list[Any] = [None] * len(requests)
    locked = runs_sql.lock(tx, [request.run_id for request in requests])
    rooms = _Rooms(tx, [run.project_id for run in locked.values()])
    asked: dict[int, EventWait] = {}
    busy: set[str] = set()
    for index, request in enumerate(requests):
        try:
            run = _may_wait(locked.get(request.run_id), request, busy, tx.now)
            rooms.take(run.project_id)
        except DomainError as refused:
            outcomes[index] = refused
            continue
        busy.add(run.id)
        asked[index] = _opened(tx, run, request)
    added = sql.add(tx, list(asked.values())) if asked else set()
    moves: list[Move] = []
    parked: list[int] = []
    for index, wait in asked.items():
        if wait.id in added:
            moves.append(parking(locked[wait.run_id], wait, "event", actor=requests[index].actor))
            parked.append(index)
        else:
            outcomes[index] = AlreadyExists(f"another run waits for the event {wait.name[:128]!r} already")
    for index, run in zip(parked, apply(tx, moves), strict=True):
        outcomes[index] = Begun(wait=asked[index], run=run)
    deliveries.waiting(tx, [asked[index] for index in parked])
    return outcomes


def _may_wait(run: Run | None, request: NewWait, busy: set[str], now: int) -> Run:
    _check(request)
    error = fence(run, request, now)
    if error is not None or run is None:
        raise error or NotFound()
    if run.id in busy:
        raise Conflict("the run waits already", state=RunState.WAITING.value)
    check_at_work(run, request.token)
    return run


def check_at_work(run: Run, token: str | Pass) -> None:
    """Raise `IllegalMove` when nobody is at work on the run who could begin to wait."""
    # A lease proves that somebody is; a run token was handed out before.
    if run.state is RunState.RUNNING or (run.state in LEASED and not isinstance(token, Pass)):
        return
    raise IllegalMove(f"a run that is {run.state} cannot begin to wait; it has to be at work", state=run.state.value)


def check_timeout(timeout: int) -> None:
    """Raise `Invalid` for a time that nothing may be waited for."""
    if not SECOND <= timeout <= LONGEST:
        raise Invalid(f"the timeout of a wait is 1 to {LONGEST // SECOND} seconds")


def _check(request: NewWait) -> None:
    sizes.plain("the event key", request.name, longest=512, shortest=1)
    if any(unicodedata.category(character) == "Cc" for character in request.name):
        raise Invalid("the event key holds a control character")
    check_timeout(request.timeout)
    sizes.within(sizes.DOCUMENT, "what comes with the wait", request.request)


def _opened(tx: Tx, run: Run, request: NewWait) -> EventWait:
    return opened(
        tx,
        run,
        request.name,
        request.timeout,
        request=request.request,
        notify_url=request.notify_url,
        notify_state="pending" if request.notify_url is not None else None,
    )


def opened(tx: Tx, run: Run, name: str, timeout: int, **more: str | None) -> EventWait:
    """A wait that begins now."""
    fields: dict[str, Any] = dict.fromkeys(EventWait.__struct_fields__)
    fields |= {
        "id": tx.new_id(),
        "project_id": run.project_id,
        "name": name,
        "run_id": run.id,
        "state": WaitState.WAITING,
        "timeout": timeout,
        "requested_at": tx.now,
        "expires_at": tx.now + timeout,
    }
    return EventWait(**(fields | more))


def parking(run: Run, wait: EventWait, kind: Any, *, actor: str | None, again: int | None = None) -> Move:
    """The move with which the run begins to wait."""
    waiting_for = Waiting(kind=kind, until=wait.expires_at, again=again, key=wait.name)
    said = {"waiting_for": kind, "key": wait.name}
    return move(run, "park", wait.requested_at, actor=actor, data=said, waiting_for=waiting_for)


class _Rooms:
    """How many more waits the projects may have."""

    def __init__(self, tx: Tx, project_ids: Sequence[int]) -> None:
        limits = quotas.settings_of(tx, project_ids)
        self.most = {key: one.max_event_waits for key, one in limits.items() if one.max_event_waits is not None}
        self.used = {key: sql.count(tx, key, WaitState.WAITING, most) for key, most in self.most.items()}

    def take(self, project_id: int) -> None:
        """Count one more. Raises `RateLimited`."""
        most = self.most.get(project_id)
        if most is None:
            return
        if self.used[project_id] >= most:
            raise RateLimited(f"the project has {most} runs that wait for events, which is its quota")
        self.used[project_id] += 1


def find(tx: Tx, project_id: int, name: str) -> EventWait:
    """The wait that is open under the name, else the last there was. Raises `NotFound`."""
    found = sql.named(tx, project_id, name) if "\0" not in name else None
    if found is None:
        raise NotFound(f"nobody ever waited for the event {name[:128]!r} in this project")
    return found


def get(tx: Tx, wait_id: str) -> EventWait:
    """The wait of that id. Raises `NotFound`."""
    (found,) = sql.get(tx, [wait_id]) or (None,)
    if found is None:
        raise NotFound("that wait was removed")
    return found


def send(tx: Tx, project_id: int, name: str, *, payload: str | None = None, actor: str | None = None) -> EventWait:
    """Answer the wait: its run goes on in the same attempt. Sending the same again changes nothing.

    Raises `NotFound`, `TooLarge`, or `Conflict` when nobody waits any more.
    """
    sizes.within(sizes.DOCUMENT, "the event's payload", payload)
    wait = find(tx, project_id, name)
    if wait.state is WaitState.WAITING:
        answered = _answer(tx, [wait], payload, actor)
        if answered:
            return answered[0]
        wait = get(tx, wait.id)
    if wait.state is WaitState.RECEIVED and _same(wait.response, payload):
        return wait
    raise _decided(wait)


def _decided(wait: EventWait) -> Conflict:
    said = f"nobody waits for the event {wait.name[:128]!r} any more; it was {wait.state}"
    return Conflict(said, state=wait.state.value)


def send_to_all(
    tx: Tx, project_id: int, prefix: str, *, payload: str | None = None, after: str = "", actor: str | None = None
) -> tuple[list[EventWait], str | None]:
    """Answer the next waits whose names begin so, by name; where to go on, None when there are no more."""
    sizes.within(sizes.DOCUMENT, "the event's payload", payload)
    waits = sql.beginning(tx, project_id, prefix, after=after, n=SLICE) if "\0" not in prefix else []
    more = waits[-1].name if len(waits) == SLICE else None
    return _answer(tx, waits, payload, actor) if waits else [], more


def _answer(tx: Tx, waits: Sequence[EventWait], payload: str | None, actor: str | None) -> list[EventWait]:
    """Note what came for those of the waits that are open still, and let their runs go on."""
    locked = runs_sql.lock(tx, [wait.run_id for wait in waits])
    open_now = [wait for wait in sql.get(tx, [wait.id for wait in waits]) if wait.state is WaitState.WAITING]
    sql.receive(tx, [wait.id for wait in open_now], payload, actor)
    over = []
    for wait in open_now:
        run = locked[wait.run_id]
        journal(tx, run, "run.event_received", actor, {"key": wait.name, "wait_id": wait.id})
        if run.waiting_for is not None and run.waiting_for.key == wait.name:
            over.append(run)
    end_waits(tx, over, "event received")
    return sql.get(tx, [wait.id for wait in open_now])


def _same(first: str | None, second: str | None) -> bool:
    return canonical(first or "null") == canonical(second or "null")


def cancel(tx: Tx, project_id: int, name: str, *, actor: str | None = None) -> EventWait:
    """Cancel the wait and its run. Raises `NotFound`, or `Conflict` when nobody waits any more."""
    wait = find(tx, project_id, name)
    if wait.state is WaitState.WAITING:
        # Lock first, look second: what was sent meanwhile has let the run go on, and it is nobody's to cancel here.
        runs_sql.lock(tx, [wait.run_id])
        wait = get(tx, wait.id)
    if wait.state is not WaitState.WAITING:
        raise _decided(wait)
    cancellations.cancel(tx, project_id, wait.run_id, actor=actor, reason="event wait canceled")
    return get(tx, wait.id)


def page(
    tx: Tx,
    project_id: int,
    *,
    state: WaitState | None = None,
    before: str | None = None,
    until: int | None = None,
    limit: int = 50,
) -> list[EventWait]:
    """Waits, newest first, from below the given id (or the given time) on."""
    states = [state] if state is not None else list(WaitState)
    if before is None:
        before = BEYOND if until is None else first_id_at(until + SLACK)
    return sql.page(tx, project_id, states, before=before, until=FOREVER if until is None else until, n=limit)


def stats(tx: Tx, project_id: int) -> Stats:
    """How many waits there are, and how long they took."""
    counts = {state: sql.count(tx, project_id, state, COUNTED) for state in WaitState}
    return Stats(counts=counts, average=sql.average_wait(tx, project_id, AVERAGED))


def count_old(tx: Tx, project_id: int, *, before: int) -> int:
    """How many finished waits were asked for before a time."""
    beyond = first_id_at(before + SLACK)
    return sum(sql.count_old(tx, project_id, state, before=before, beyond=beyond) for state in FINISHED)


def purge(tx: Tx, project_id: int, *, before: int) -> int:
    """Remove some of the finished waits that were asked for before a time; 0 when there are none."""
    beyond = first_id_at(before + SLACK)
    for state in FINISHED:
        ids = sql.old(tx, project_id, state, before=before, beyond=beyond, n=SLICE)
        if ids:
            return sql.drop(tx, ids)
    return 0
