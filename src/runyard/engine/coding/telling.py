"""What is queued to be said in chat threads, in the transaction of what it is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from runyard.domain.coding import CodingSeen
from runyard.domain.records import Run
from runyard.domain.threads import SLACK, THREAD_URL, Relay, Thread, thread_of
from runyard.storage.port import Tx
from runyard.storage.statements import threads as sql

TOPIC = "relays"


def begin(tx: Tx, run: Run, state: Mapping[str, Any]) -> None:
    """Map a new run to the thread that its shared state names, if it names one."""
    url = state.get(THREAD_URL)
    found = thread_of(url) if isinstance(url, str) else None
    if found is not None:
        sql.put(tx, mapped(tx, run, *found, None))


def mapped(tx: Tx, run: Run, channel: str, thread: str, mention: str | None) -> Thread:
    """A run's thread in which nothing was said yet."""
    return Thread(
        run_id=run.id,
        project_id=run.project_id,
        service=SLACK,
        channel=channel,
        thread=thread,
        mention=mention,
        progress=None,
        reacted=None,
        posted="",
        created_at=tx.now,
        updated_at=tx.now,
    )


def due(tx: Tx, moved: Sequence[Run]) -> None:
    """Have the threads of runs told how these stand, once for all changes until then."""
    threads = sql.get(tx, [run.id for run in moved])
    if not threads:
        return
    waiting = sql.waiting(tx, sorted(threads))
    _queue(tx, [_relay(tx, thread, "update", "") for one, thread in threads.items() if one not in waiting])


def say(tx: Tx, seen: CodingSeen, text: str) -> str | None:
    """Queue a message for the run's thread; its id, or None when nobody would hear it: an ended run, or no thread."""
    thread = sql.get(tx, [seen.run.id]).get(seen.run.id)
    if thread is None or seen.run.is_final or not text.strip():
        return None
    relay = _relay(tx, thread, "message", text)
    _queue(tx, [relay])
    return relay.id


def _relay(tx: Tx, thread: Thread, kind: Any, body: str) -> Relay:
    return Relay(
        id=tx.new_id(),
        project_id=thread.project_id,
        run_id=thread.run_id,
        kind=kind,
        body=body,
        state="queued",
        attempts=0,
        error=None,
        created_at=tx.now,
        due_at=tx.now,
        done_at=None,
    )


def _queue(tx: Tx, relays: Sequence[Relay]) -> None:
    if relays:
        sql.add(tx, relays)
        tx.wake(TOPIC)
