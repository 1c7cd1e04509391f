"""Saying in threads what is queued: taken, sent by whoever took it, and settled. Each is sent at least once.

A server that dies between sending and settling leaves a message that is taken again when its time is over; the run's
shared state names what was sent last, so that only that short while can repeat a message. None is tried for ever: one
at which its senders die is given up like one that is refused, and a service may put one off for a day at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from runyard.domain.canonical import decoded
from runyard.domain.coding import CodingRun
from runyard.domain.policy import SECOND
from runyard.domain.records import Run
from runyard.domain.threads import ATTEMPTS, SENT, Relay, Standing, Thread, remembered
from runyard.storage.port import Tx
from runyard.storage.statements import coding_runs as coding_sql
from runyard.storage.statements import runs as runs_sql
from runyard.storage.statements import tasks as tasks_sql
from runyard.storage.statements import threads as sql

TAKEN = 90 * SECOND
"""How long a relay is its taker's: longer than the three calls take that one sending makes at most."""
BACKOFF = (5 * SECOND, 30 * SECOND)
PUT_OFF = 24 * 3600 * SECOND
"""For so long a service may ask that a relay be sent later."""
LOST = f"the server ended each of the {ATTEMPTS} times that it was being sent"
KEPT = 7 * 24 * 3600 * SECOND
"""How long it can be read what became of one."""
_json = msgspec.json.Encoder()


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """A relay that was taken, with all that is needed to send it."""

    relay: Relay
    thread: Thread | None
    standing: Standing | None
    is_sent: bool
    """Whether it was sent before, by somebody who did not get to say so."""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a turn."""

    turn: Turn
    thread: Thread | None = None
    """As it stands now, where something was said there."""
    error: str | None = None
    wait: int | None = None
    """How long the service asked to be left alone, in microseconds: such a try does not count."""


def take(tx: Tx, limit: int) -> list[Turn]:
    """The next turns, so many at most, this server's for a while; those that were tried often enough end instead."""
    found = sql.due(tx, limit)
    ids = sorted({one.run_id for one in found})
    rows = coding_sql.get(tx, ids)
    # Whoever lived to say what became of a try would have settled it.
    over = [one for one in found if one.attempts >= ATTEMPTS]
    if over:
        sql.end(tx, [_given_up(one, LOST, tx.now, is_sent=one.id in _sent(rows.get(one.run_id))) for one in over])
    taken = [replace(one, attempts=one.attempts + 1, due_at=tx.now + TAKEN) for one in found if one.attempts < ATTEMPTS]
    if taken:
        sql.hold(tx, taken)
    threads, runs = sql.get(tx, ids), runs_sql.get(tx, ids) if ids else {}
    tasks = tasks_sql.get(tx, sorted({run.task_id for run in runs.values() if run.task_id is not None}))
    return [
        Turn(
            relay=one,
            thread=threads.get(one.run_id),
            standing=_standing(runs[one.run_id], rows.get(one.run_id), tasks) if one.run_id in runs else None,
            is_sent=one.id in _sent(rows.get(one.run_id)),
        )
        for one in taken
    ]


def next_due(tx: Tx) -> int | None:
    """When the next relay is due."""
    return sql.next_due(tx)


def settle(tx: Tx, said: Said) -> None:
    """Note what became of a turn: it was said, is tried again, or was tried often enough."""
    relay, thread = said.turn.relay, said.thread
    run = runs_sql.lock(tx, [relay.run_id]).get(relay.run_id)
    if thread is not None:
        sql.save(tx, replace(thread, updated_at=tx.now))
    if not sql.settle(tx, _settled(tx, said), held=relay.due_at):
        return
    if said.error is None and relay.kind == "message" and thread is not None and run is not None:
        _remember(tx, run, relay.id)


def _remember(tx: Tx, run: Run, relay_id: str) -> None:
    """Name the message in the run's state, also where nobody may change that: what was said is said."""
    row = coding_sql.lock(tx, [run.id]).get(run.id)
    if row is not None:
        state = decoded(row.state)
        state[SENT] = remembered(state.get(SENT), relay_id)
        coding_sql.save(tx, [replace(row, state=_json.encode(state).decode(), updated_at=tx.now)])


def _settled(tx: Tx, said: Said) -> Relay:
    relay = said.turn.relay
    if said.error is None:
        unheard = said.thread is None and not said.turn.is_sent
        return replace(relay, state="dropped" if unheard else "sent", error=None, due_at=None, done_at=tx.now)
    if said.wait is not None:
        if tx.now + said.wait > relay.created_at + PUT_OFF:
            return _given_up(relay, f"put off for too long: {said.error}", tx.now)
        return replace(relay, attempts=relay.attempts - 1, error=said.error, due_at=tx.now + said.wait)
    if relay.attempts >= ATTEMPTS:
        return _given_up(relay, said.error, tx.now)
    wait = BACKOFF[min(relay.attempts, len(BACKOFF)) - 1]
    return replace(relay, error=said.error, due_at=tx.now + wait)


def _given_up(relay: Relay, error: str, now: int, *, is_sent: bool = False) -> Relay:
    return replace(
        relay, state="sent" if is_sent else "failed", error=None if is_sent else error, due_at=None, done_at=now
    )


def prune(tx: Tx, limit: int = 1000) -> int:
    """Delete what was done with long ago; how many went."""
    return sql.prune(tx, tx.now - KEPT, limit)


def _sent(row: CodingRun | None) -> Sequence[Any]:
    found = decoded(row.state).get(SENT) if row is not None else None
    return found if isinstance(found, list) else ()


def _standing(run: Run, row: CodingRun | None, tasks: dict[str, Any]) -> Standing:
    task = tasks.get(run.task_id or "")
    output, error = _object(run.output), _object(run.error)
    url, message = output.get("pr_url"), error.get("message")
    return Standing(
        title=task.title if task is not None else run.id,
        state=run.state,
        stage=row.stage if row is not None else None,
        error=message if isinstance(message, str) else None,
        pr_url=url if isinstance(url, str) and url.startswith(("http://", "https://")) else None,
    )


def _object(text: str | None) -> dict[str, Any]:
    found = decoded(text) if text is not None else None
    return found if isinstance(found, dict) else {}
