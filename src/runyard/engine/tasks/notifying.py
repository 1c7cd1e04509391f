"""Telling of the ends of tasks over bridges: what there is to tell, and what came of telling it.

A pass over a subscription tells of one end at most. The cursor moves once the other side has taken the message, so that
a message is sent again, under the same id, when a server dies in between. What was committed with a line has the
subscriptions of its task looked at (`due`); the pass reads lines after it took the subscription, in another
transaction, so that it sees those.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from runyard.domain.bridges import (
    ENDS,
    LONGEST_ERROR,
    Bridge,
    Line,
    Sender,
    Subscription,
    Weighed,
    delivery_id,
    is_ready,
    rest,
    weigh,
)
from runyard.domain.canonical import decoded
from runyard.domain.policy import SECOND
from runyard.domain.redaction import cut, struck, without_secrets
from runyard.domain.tasks import Task
from runyard.engine.tasks import bridges
from runyard.engine.tasks.bridges import TOPIC
from runyard.storage.port import Tx
from runyard.storage.statements import bridges as bridges_sql
from runyard.storage.statements import subscriptions as sql
from runyard.storage.statements import tasks as tasks_sql

LINES = 100
"""So many lines are looked at in one pass."""
LEASE = 90 * SECOND
"""How long a server has for a pass; longer than any message takes."""
LONGEST = 2000
"""Characters of an error in a message; the run itself has all of it."""
_json = msgspec.json.Encoder()


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """Something to send, and how."""

    id: str
    sender: Sender
    secrets: Mapping[str, str]
    """Of the bridge, sealed."""
    target: Mapping[str, str | None]
    title: str
    text: str
    body: str
    """All of it as JSON."""


class Pass(msgspec.Struct, frozen=True, kw_only=True):
    """One look at a subscription: what there is to tell, if anything."""

    taken: Subscription
    weighed: Weighed
    message: Message | None = None
    error: str | None = None
    """Why nothing can be sent though there is something to tell."""
    more: bool = False
    """Whether there are further lines."""


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """A pass, and what came of its message."""

    of: Pass
    error: str | None = None
    """Why the other side did not take the message."""


def due(tx: Tx, tasks: Sequence[Task]) -> None:
    """Have those who want to be told of these tasks looked at, once this transaction is committed."""
    ids = [task.id for task in tasks if task.subscriptions]
    if ids:
        sql.ended(tx, ids)
        tx.wake(TOPIC)


def next_look(tx: Tx) -> int | None:
    """When the next subscription is to be looked at."""
    return sql.next_look(tx)


def take(tx: Tx, limit: int) -> list[Subscription]:
    """Subscriptions to be looked at now, by whoever takes them."""
    until = tx.now + LEASE
    return [msgspec.structs.replace(one, look_at=until, held=1) for one in sql.take(tx, limit, until)]


def passes(tx: Tx, taken: Sequence[Subscription]) -> list[Pass]:
    """What there is to tell to each of those who were taken; only read."""
    # As they stand now, for one may have been overwritten meanwhile; without those that are somebody else's again.
    until = {one.id: one.look_at for one in taken}
    now = {one.id: one for one in sql.get(tx, list(until)).values() if one.look_at == until[one.id]}
    found = sql.lines(tx, sorted(now), LINES)
    tasks = tasks_sql.get(tx, sorted({one.task_id for one in now.values()}))
    runs = {line.run_id for lines in found.values() for line in lines if line.type in ENDS and line.run_id is not None}
    stages = sql.stages(tx, sorted(runs))
    weighed = {
        one.id: weigh(found.get(one.id, []), tasks[one.task_id].status, stages, one.last_sequence)
        for one in now.values()
        if one.task_id in tasks
    }
    told = [one.told for one in weighed.values() if one.told is not None]
    said = sql.said(tx, sorted({line.seq for line in told}))
    errors = sql.errors(tx, sorted({line.run_id for line in told if line.run_id is not None}))
    there = bridges_sql.get(tx, sorted({one.bridge_id for one in now.values()}))
    return [
        _pass(
            now[one.id],
            weighed[one.id],
            tasks[now[one.id].task_id],
            there.get(now[one.id].bridge_id),
            said,
            errors,
            more=len(found.get(one.id, [])) >= LINES,
        )
        for one in taken
        if one.id in weighed
    ]


def _pass(
    one: Subscription,
    weighed: Weighed,
    task: Task,
    bridge: Bridge | None,
    said: Mapping[int, tuple[int, str]],
    errors: Mapping[str, str],
    *,
    more: bool,
) -> Pass:
    line = weighed.told
    if line is None or line.seq not in said:
        return Pass(taken=one, weighed=weighed, more=more)
    if bridge is None or not is_ready(bridge):
        state = "gone" if bridge is None else bridge.state.value
        return Pass(taken=one, weighed=weighed, error=f"the bridge is {state}, and nothing is sent over it")
    if bridge.suppressed:
        return Pass(taken=one, weighed=weighed, more=True)
    at, payload = said[line.seq]
    message = _message(one, line, task, bridge, at, payload, errors.get(line.run_id or ""))
    return Pass(taken=one, weighed=weighed, message=message, more=True)


def settle(tx: Tx, settled: Settled) -> None:
    """Move the cursor past what was told or passed over, and decide when to look again."""
    of = settled.of
    told = of.taken
    error = of.error or settled.error
    if of.message is not None:
        _note(tx, told.bridge_id, error)
    one = sql.lock(tx, told.id)
    if one is None or not one.held or one.look_at != told.look_at:
        # Somebody else has it by now, because this took too long; the cursor is theirs.
        return
    if one.task_id != told.task_id:
        sql.save(tx, msgspec.structs.replace(one, look_at=tx.now, held=0))
        return
    again = tx.now if one.held > 1 else None
    if error is not None:
        text = cut(struck(error), LONGEST_ERROR)
        later = tx.now + rest(told.failures + 1, tx.dice())
        changes: dict[str, Any] = {"last_error": text, "failures": told.failures + 1, "look_at": again or later}
    else:
        changes = _advanced(tx, of, one) | {"failures": 0, "look_at": tx.now if of.more else again}
    if changes["look_at"] is not None:
        tx.wake(TOPIC)
    sql.save(tx, msgspec.structs.replace(one, held=0, **(changes | _touched(tx, one, changes))))


def _advanced(tx: Tx, of: Pass, one: Subscription) -> dict[str, Any]:
    weighed = of.weighed
    line = weighed.told
    seq = max(one.last_sequence, line.seq if line is not None else weighed.passed)
    error = cut(weighed.error, LONGEST_ERROR) if weighed.error is not None and of.message is None else None
    if of.message is not None:
        return {
            "last_sequence": seq,
            "last_delivery_id": of.message.id,
            "last_delivered_at": tx.now,
            "last_error": None,
        }
    return {"last_sequence": seq} | ({"last_error": error} if error is not None or line is not None else {})


def _touched(tx: Tx, one: Subscription, changes: Mapping[str, Any]) -> dict[str, int]:
    """When the cursor changed, if it does."""
    of_cursor = ("last_sequence", "last_delivery_id", "last_delivered_at", "last_error")
    is_changed = any(changes[name] != getattr(one, name) for name in of_cursor if name in changes)
    return {"cursor_at": tx.now} if is_changed else {}


def _note(tx: Tx, bridge_id: str, error: str | None) -> None:
    """Note with the bridge whether messages get over it."""
    if error is None:
        bridges_sql.well(tx, bridge_id)
    else:
        bridges_sql.failed(tx, bridge_id, cut(struck(error), LONGEST_ERROR))


def _message(
    one: Subscription, line: Line, task: Task, bridge: Bridge, at: int, payload: str, error: str | None
) -> Message:
    end = ENDS[line.type]
    target = {"peer_id": one.peer_id, "group_id": one.group_id, "thread_id": one.thread_id}
    why = struck(_said(error))[:LONGEST] if error is not None else None
    name = struck(task.title)[:LONGEST]
    text = f"Task “{name}” has ended as {end}" + (f": {why}" if why else "")
    message_id = delivery_id(one, line.seq)
    data = {
        "delivery_id": message_id,
        "subscription_id": one.id,
        "subscription": one.name,
        "bridge_id": bridge.id,
        "task_id": task.id,
        "run_id": line.run_id,
        "title": name,
        "status": end.value,
        "text": text,
        "error": why,
        "sequence": line.seq,
        "final": True,
        "target": target | {"mode": one.delivery_mode.value},
        "event": without_secrets(decoded(payload)),
    }
    body = {"id": message_id, "type": line.type, "timestamp": _time(at), "data": data}
    return Message(
        id=message_id,
        sender=bridges.settings_of(bridge).sender,
        secrets=bridges.secrets_of(bridge),
        target=target,
        title=f"Task {end}: {name[:200]}",
        text=text,
        body=_json.encode(body).decode(),
    )


def _said(error: str) -> str:
    try:
        said = decoded(error)
    except msgspec.MsgspecError:
        return error
    return str(said.get("message", "")) if isinstance(said, dict) else str(said)


def _time(micros: int) -> str:
    return datetime.fromtimestamp(micros / SECOND, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
