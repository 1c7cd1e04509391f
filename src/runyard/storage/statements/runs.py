"""SQL of runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from msgspec.structs import astuple

from runyard.domain.policy import Policy
from runyard.domain.records import Run, Waiting
from runyard.domain.states import RunState
from runyard.storage.port import Insert, Row, Tx
from runyard.storage.saving import Saver
from runyard.storage.sql import FOREVER

FIELDS: tuple[str, ...] = Run.__struct_fields__
_INTEGERS = {
    field.name
    for field in msgspec.structs.fields(Run)
    if field.type is int or (getattr(field.type, "__args__", ()) == (int, type(None)))
}
_TYPES = {name: "bigint" if name in _INTEGERS else "text" for name in FIELDS}
_FIXED = {
    "id",
    "project_id",
    "created_at",
    "tags",
    "dependency_key",
    "continued",
    "job_id",
    "job_name",
    "task_id",
    "parent_id",
    "replay_of",
    "retry_of",
    "continuation_of",
    "depth",
    "batch_id",
    "trigger",
    "created_by",
    "concurrency_key",
    "input_tokens",
    "output_tokens",
    "cost_micro_usd",
    "payload",
    "requires",
    "executor",
    "queue",
    "agent",
    "ttl",
}
"""Set when the run is made, or changed by statements of their own."""

COLUMNS = ", ".join(FIELDS)
TAGS = Insert("run_tags", {"project_id": "bigint", "tag": "text", "value": "text", "run_id": "text"})

LOCK = f"SELECT {COLUMNS} FROM runs WHERE id {{among ids}} ORDER BY id {{lock}}"
GET = f"SELECT {COLUMNS} FROM runs WHERE id {{among ids}}"
READY = (
    f"SELECT {COLUMNS} FROM runs WHERE class_id = :class_id AND state = 'queued' AND hold IS NULL "
    "AND rank <= :rank ORDER BY rank, id LIMIT :n {skip_locked}"
)
READY_RANKS = (
    "SELECT rank, id FROM runs WHERE class_id = :class_id AND state = 'queued' AND hold IS NULL "
    "AND rank <= :rank ORDER BY rank, id LIMIT :n"
)
LOCK_READY = (
    f"SELECT {COLUMNS} FROM runs WHERE id {{among ids}} AND state = 'queued' AND hold IS NULL "
    "ORDER BY rank, id {skip_locked}"
)
DUE = f"SELECT {COLUMNS} FROM runs WHERE due_at <= :now ORDER BY due_at LIMIT :n {{skip_locked}}"
NEXT_DUE = "SELECT due_at FROM runs WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1"
SET_PAYLOAD = "UPDATE runs SET payload = :payload WHERE id = :id"
SET_QUEUE = "UPDATE runs SET queue = :queue WHERE id = :id"
SET_REQUIRES = "UPDATE runs SET requires = :requires WHERE id = :id"
# The order of children says NULLS FIRST for the reason given in `listing`.
CHILDREN = f"SELECT {COLUMNS} FROM runs WHERE parent_id {{among ids}} ORDER BY id NULLS FIRST LIMIT :n {{lock}}"
CHILDREN_OF = (
    f"SELECT {COLUMNS} FROM runs WHERE parent_id = :parent_id AND id > :after ORDER BY id NULLS FIRST LIMIT :n {{lock}}"
)
PARENTS_AMONG = "SELECT DISTINCT parent_id FROM runs WHERE parent_id {among ids}"

_STATES = {state.value: state for state in RunState}
_STATE = FIELDS.index("state")
_POLICY = FIELDS.index("policy")
_WAITING = FIELDS.index("waiting_for")
_policy_decoder = msgspec.json.Decoder(Policy)
_waiting_decoder = msgspec.json.Decoder(Waiting)
_encoder = msgspec.json.Encoder()


@lru_cache(maxsize=4096)
def _policy(text: str) -> Policy:
    return _policy_decoder.decode(text)


@lru_cache(maxsize=4096)
def _policy_text(policy: Policy) -> str:
    return _encoder.encode(policy).decode()


def from_row(row: Row) -> Run:
    """A row in the order of `FIELDS` as a record."""
    values = list(row)
    values[_STATE] = _STATES[values[_STATE]]
    values[_POLICY] = _policy(values[_POLICY])
    if values[_WAITING] is not None:
        values[_WAITING] = _waiting_decoder.decode(values[_WAITING])
    return Run(*values)


def _waiting_text(waiting: Waiting | None) -> str | None:
    return None if waiting is None else _encoder.encode(waiting).decode()


_STORED: dict[int, Callable[[Any], str | None]] = {
    # What a word's own `value` is, at a fraction of the price.
    _STATE: str.__str__,
    _POLICY: _policy_text,
    _WAITING: _waiting_text,
}
"""Fields that are not stored as they are."""
_SAVER = Saver("runs", _TYPES, key="id", fixed=_FIXED, stored=_STORED)


def _to_row(run: Run) -> list[Any]:
    row = list(astuple(run))
    for place, stored in _STORED.items():
        row[place] = stored(row[place])
    return row


def insert(tx: Tx, runs: Sequence[Run]) -> None:
    """Add new runs."""
    columns = list(zip(*map(_to_row, runs), strict=True))
    # Most columns of a new run are empty; those that are so in all of them need not travel.
    places = tuple(place for place, column in enumerate(columns) if column.count(None) < len(runs))
    tx.insert(_inserting(places), list(zip(*(columns[place] for place in places), strict=True)))


@lru_cache(maxsize=512)
def _inserting(places: tuple[int, ...]) -> Insert:
    return Insert("runs", {FIELDS[place]: _TYPES[FIELDS[place]] for place in places})


def insert_tags(tx: Tx, rows: Sequence[tuple[int, str, str, str]]) -> None:
    """Add (project, tag, value, run) rows to the tag index."""
    tx.insert(TAGS, rows)


def save(tx: Tx, before: Sequence[Run], after: Sequence[Run]) -> None:
    """Write what differs between runs that this transaction locked and what they are now."""
    _SAVER.save(tx, before, after)


def set_queue(tx: Tx, run_id: str, queue: str) -> None:
    """Let the run be of another queue; its class is saved with it."""
    tx.run(SET_QUEUE, id=run_id, queue=queue)


def set_requires(tx: Tx, run_id: str, requires: str | None) -> None:
    """Say anew what the run requires of who claims it, beside the class that follows from that."""
    tx.run(SET_REQUIRES, id=run_id, requires=requires)


def lock(tx: Tx, ids: Sequence[str]) -> dict[str, Run]:
    """The runs by id, locked in id order; unknown ids are absent."""
    return {run.id: run for run in map(from_row, tx.wide_rows(LOCK, ids=sorted(set(ids))))}


def children(tx: Tx, ids: Sequence[str], n: int) -> list[Run]:
    """The first `n` children of these runs, locked."""
    return [from_row(row) for row in tx.wide_rows(CHILDREN, ids=sorted(ids), n=n)]


def children_of(tx: Tx, parent_id: str, after: str, n: int) -> list[Run]:
    """The run's first `n` children behind an id, locked."""
    return [from_row(row) for row in tx.wide_rows(CHILDREN_OF, parent_id=parent_id, after=after, n=n)]


def parents_among(tx: Tx, ids: Sequence[str]) -> list[str]:
    """Those of the runs that have children."""
    return sorted(row[0] for row in tx.rows(PARENTS_AMONG, ids=list(ids))) if ids else []


def get(tx: Tx, ids: Sequence[str]) -> dict[str, Run]:
    """The runs by id, for reading; unknown ids are absent."""
    return {run.id: run for run in map(from_row, tx.wide_rows(GET, ids=list(ids)))}


def ready(tx: Tx, class_ids: Sequence[int], n: int, *, rank: int = FOREVER) -> list[Run]:
    """The first `n` claimable runs of these classes in claim order up to a rank, locked."""
    if len(class_ids) == 1:
        return [from_row(row) for row in tx.wide_rows(READY, class_id=class_ids[0], rank=rank, n=n)]
    heads = sorted(head for class_id in class_ids for head in ready_ranks(tx, class_id, n, rank=rank))
    if not heads:
        return []
    return [from_row(row) for row in tx.wide_rows(LOCK_READY, ids=[run_id for _, run_id in heads[:n]])]


def ready_ranks(tx: Tx, class_id: int, n: int, *, rank: int = FOREVER) -> list[tuple[int, str]]:
    """(rank, id) of the first `n` claimable runs of a class in claim order up to a rank, not locked."""
    return [(row[0], row[1]) for row in tx.wide_rows(READY_RANKS, class_id=class_id, rank=rank, n=n)]


def ready_among(tx: Tx, ids: Sequence[str]) -> list[Run]:
    """Those of the runs that are claimable this instant, in claim order, locked."""
    return [from_row(row) for row in tx.wide_rows(LOCK_READY, ids=list(ids))]


def due(tx: Tx, n: int) -> list[Run]:
    """The runs whose deadline has passed, locked."""
    return [from_row(row) for row in tx.wide_rows(DUE, now=tx.now, n=n)]


def next_due(tx: Tx) -> int | None:
    """The earliest deadline of any run."""
    row = tx.row(NEXT_DUE)
    return row[0] if row else None
