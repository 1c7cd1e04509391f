"""SQL of chat threads, and of what is to be said in them."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import astuple

from runyard.domain.threads import Relay, Thread
from runyard.storage.port import Insert, Tx, Update

THREAD = Thread.__struct_fields__
RELAY = Relay.__struct_fields__
_NUMBERS = {"project_id", "created_at", "updated_at", "attempts", "due_at", "done_at"}
_THREAD_TYPES = {name: "bigint" if name in _NUMBERS else "text" for name in THREAD}
_RELAY_TYPES = {name: "bigint" if name in _NUMBERS else "text" for name in RELAY}
_MAPPED = ("service", "channel", "thread", "mention", "progress", "reacted", "posted", "updated_at")
_RELAYS = ", ".join(RELAY)

PUT = Insert(
    "threads",
    _THREAD_TYPES,
    "ON CONFLICT (run_id) DO UPDATE SET " + ", ".join(f"{name} = excluded.{name}" for name in _MAPPED),
)
SAVE = Update(
    "threads",
    {name: _THREAD_TYPES[name] for name in ("progress", "reacted", "posted", "updated_at")},
    {"run_id": "text", "thread": "text"},
)
GET = f"SELECT {', '.join(THREAD)} FROM threads WHERE run_id {{among ids}}"
DROP = "DELETE FROM threads WHERE run_id = :run_id"
ADD = Insert("relays", _RELAY_TYPES)
# By relays_run; of a run a handful waits at most.
WAITING = "SELECT run_id FROM relays WHERE run_id {among ids} AND kind = 'update' AND due_at IS NOT NULL"
DUE = f"SELECT {_RELAYS} FROM relays WHERE due_at <= :now ORDER BY due_at, id LIMIT :n {{skip_locked}}"
NEXT = "SELECT due_at FROM relays WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1"
TAKE = Update("relays", {"attempts": "bigint", "due_at": "bigint"}, {"id": "text"})
SETTLE = Update(
    "relays",
    {"state": "text", "error": "text", "due_at": "bigint", "done_at": "bigint"},
    {"id": "text", "attempts": "bigint"},
)
OF_RUN = f"SELECT {_RELAYS} FROM relays WHERE run_id = :run_id AND id < :before ORDER BY id DESC LIMIT :n"
PRUNE = "DELETE FROM relays WHERE id IN (SELECT id FROM relays WHERE done_at < :before ORDER BY done_at LIMIT :n)"


def put(tx: Tx, thread: Thread) -> None:
    """Map a run to a thread, in the place of an older one."""
    tx.insert(PUT, [astuple(thread)])


def save(tx: Tx, thread: Thread) -> None:
    """Note what stands in a thread, unless the run is mapped to another by now."""
    row = (thread.progress, thread.reacted, thread.posted, thread.updated_at, thread.run_id, thread.thread)
    tx.update(SAVE, [row])


def get(tx: Tx, run_ids: Sequence[str]) -> dict[str, Thread]:
    """The threads of these runs, by run."""
    return {row[0]: Thread(*row) for row in tx.rows(GET, ids=list(run_ids))} if run_ids else {}


def drop(tx: Tx, run_id: str) -> bool:
    """Let no thread hear of the run; whether one did."""
    return bool(tx.run(DROP, run_id=run_id))


def add(tx: Tx, relays: Sequence[Relay]) -> None:
    """Queue what is to be said."""
    tx.insert(ADD, [astuple(relay) for relay in relays])


def waiting(tx: Tx, run_ids: Sequence[str]) -> set[str]:
    """The runs of which an update waits to be told."""
    return {row[0] for row in tx.rows(WAITING, ids=list(run_ids))}


def take(tx: Tx, *, until: int, n: int) -> list[Relay]:
    """The first `n` that are due, each counted as tried, and nobody else's until that time."""
    found = [Relay(*row) for row in tx.rows(DUE, now=tx.now, n=n)]
    tx.update(TAKE, [(relay.attempts + 1, until, relay.id) for relay in found])
    return found


def next_due(tx: Tx) -> int | None:
    """When the next one is due."""
    row = tx.row(NEXT)
    return None if row is None else int(row[0])


def settle(tx: Tx, relay: Relay) -> bool:
    """Write what became of a relay that this server took; False when it is another's by now."""
    row = (relay.state, relay.error, relay.due_at, relay.done_at, relay.id, relay.attempts)
    return bool(tx.update(SETTLE, [row]))


def of_run(tx: Tx, run_id: str, *, before: str, n: int) -> list[Relay]:
    """What was to be said of a run, newest first, from below the id on."""
    return [Relay(*row) for row in tx.rows(OF_RUN, run_id=run_id, before=before, n=n)]


def prune(tx: Tx, before: int, n: int) -> int:
    """Delete at most so many of those that were done with before; how many went."""
    return tx.run(PRUNE, before=before, n=n)
