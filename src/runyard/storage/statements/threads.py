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
HOLD = Update("relays", {"attempts": "bigint", "due_at": "bigint"}, {"id": "text"})
# Until when it is somebody's says whose it is: who takes it later has it for longer.
SETTLE = (
    "UPDATE relays SET state = :state, attempts = :attempts, error = :error, due_at = :due_at, done_at = :done_at "
    "WHERE id = :id AND due_at = :held"
)
END = Update("relays", {"state": "text", "error": "text", "due_at": "bigint", "done_at": "bigint"}, {"id": "text"})
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


def due(tx: Tx, n: int) -> list[Relay]:
    """The first `n` that are due, locked; those that another server takes are left out."""
    return [Relay(*row) for row in tx.rows(DUE, now=tx.now, n=n)]


def hold(tx: Tx, relays: Sequence[Relay]) -> None:
    """Write how often these were tried, with this time, and until when they are nobody else's."""
    tx.update(HOLD, [(one.attempts, one.due_at, one.id) for one in relays])


def end(tx: Tx, relays: Sequence[Relay]) -> None:
    """Write what became of relays that this transaction locked."""
    tx.update(END, [(one.state, one.error, one.due_at, one.done_at, one.id) for one in relays])


def next_due(tx: Tx) -> int | None:
    """When the next one is due."""
    row = tx.row(NEXT)
    return None if row is None else int(row[0])


def settle(tx: Tx, relay: Relay, *, held: int | None) -> bool:
    """Write what became of a relay that was this server's until then; False when it is another's by now."""
    return bool(
        tx.run(
            SETTLE,
            id=relay.id,
            held=held,
            state=relay.state,
            attempts=relay.attempts,
            error=relay.error,
            due_at=relay.due_at,
            done_at=relay.done_at,
        )
    )


def of_run(tx: Tx, run_id: str, *, before: str, n: int) -> list[Relay]:
    """What was to be said of a run, newest first, from below the id on."""
    return [Relay(*row) for row in tx.rows(OF_RUN, run_id=run_id, before=before, n=n)]


def prune(tx: Tx, before: int, n: int) -> int:
    """Delete at most so many of those that were done with before; how many went."""
    return tx.run(PRUNE, before=before, n=n)
