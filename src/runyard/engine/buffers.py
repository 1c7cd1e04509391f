"""Trigger batching: triggers with one key are gathered, and make one run.

A buffer is flushed when it is full, or when its oldest trigger is a window old. The run's payload is
`{"items": [payload, …]}` in the order in which the triggers came; it has the highest of their priorities, all their
tags and metadata, their concurrency key when they agree on one, and it answers for each of their idempotency keys.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.domain.errors import DomainError
from runyard.domain.jobs import JobSpec, NewRun, Tags, merged_tags
from runyard.domain.records import Run
from runyard.engine import creations, debounces, idempotency
from runyard.engine.facts import CreateRequest
from runyard.storage.port import Tx
from runyard.storage.statements import buffers as sql
from runyard.storage.statements import schedules as jobs_sql
from runyard.storage.statements.buffers import Buffer

MOST = 1000
"""How many triggers make one run at most, whatever its job says."""
FULL = 4_000_000
"""Bytes of payload with which a buffer is full."""
BATCH = 20
"""How many buffers one pass flushes."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A trigger in a buffer."""

    order: str
    new: NewRun

    @property
    def id(self) -> str:
        """What a repetition of the same trigger has in common with it."""
        return self.order if self.new.idempotency_key is None else f"key:{self.new.idempotency_key}"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A trigger on its way into a buffer."""

    buffer: Buffer
    spec: JobSpec
    new: NewRun


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Item).decode


def add(tx: Tx, asked: Sequence[Asked]) -> list[Run | None]:
    """Put triggers into their buffers; for each that filled one, the run that was made."""
    outcomes: list[Run | None] = [None] * len(asked)
    places: dict[Buffer, list[int]] = {}
    for index, one in enumerate(asked):
        places.setdefault(one.buffer, []).append(index)
    full: list[tuple[int, Buffer, list[Item]]] = []
    for buffer in sorted(places):
        full += _fill(tx, buffer, [(index, asked[index]) for index in places[buffer]])
    for (index, _, _), run in zip(full, _make(tx, [(buffer, items) for _, buffer, items in full]), strict=True):
        outcomes[index] = run
    return outcomes


def _fill(tx: Tx, buffer: Buffer, asked: Sequence[tuple[int, Asked]]) -> list[tuple[int, Buffer, list[Item]]]:
    """Put triggers into one buffer; what it held each time one of them filled it."""
    spec = asked[0][1].spec
    most = min(spec.batch_max or MOST, MOST)
    flush_at = tx.now + (spec.batch_window or 0)
    count, size = sql.opened(tx, buffer, flush_at)
    items = [(index, Item(order=tx.new_id(), new=one.new)) for index, one in asked]
    seen = sql.known(tx, buffer, [item.id for _, item in items if item.new.idempotency_key]) if count else set()
    waiting: list[Item] = []
    full: list[tuple[int, Buffer, list[Item]]] = []
    for index, item in items:
        if item.id in seen:
            continue
        seen.add(item.id)
        waiting.append(item)
        count, size = count + 1, size + len(item.new.payload)
        if count >= most or size >= FULL:
            held = [] if full else [_decode(text) for text in sql.emptied(tx, [buffer])[0]]
            full.append((index, buffer, [*held, *waiting]))
            waiting, count, size = [], 0, 0
    if waiting:
        if full:
            sql.opened(tx, buffer, flush_at)
        size = sum(len(item.new.payload) for item in waiting)
        sql.add(tx, buffer, [(item.id, _encode(item).decode()) for item in waiting], size=size, flush_at=flush_at)
    return full


def next_due(tx: Tx) -> int | None:
    """When the first of all buffers is to be flushed."""
    return sql.next_due(tx)


def flush(tx: Tx, limit: int = BATCH) -> int:
    """Make the runs of buffers whose oldest trigger is a window old; how many there were (at most `limit`)."""
    due = sql.due(tx, limit)
    if not due:
        return 0
    there = jobs_sql.of_jobs(tx, sorted({buffer.job_id for buffer in due}))
    content = zip(due, sql.emptied(tx, due), strict=True)
    _make(tx, [(one, [*map(_decode, texts)]) for one, texts in content if texts and one.job_id in there])
    return len(due)


def _make(tx: Tx, content: Sequence[tuple[Buffer, list[Item]]]) -> list[Run | None]:
    """One run for each buffer's content. What was accepted is let through."""
    if not content:
        return []
    requests = [
        CreateRequest(project_id=buffer.project_id, runs=(_merged(buffer, items),), checks="none")
        for buffer, items in content
    ]
    made: list[Run | None] = []
    lent: list[tuple[Run, list[str]]] = []
    for outcome, (buffer, items) in zip(creations.create(tx, requests), content, strict=True):
        if isinstance(outcome, DomainError):
            debounces.dropped(tx, buffer.project_id, buffer.job_id, outcome.detail)
            made.append(None)
            continue
        run = outcome[0].run
        lent.append((run, [item.new.idempotency_key for item in items if item.new.idempotency_key]))
        made.append(run)
    idempotency.lend(tx, lent)
    return made


def _merged(buffer: Buffer, items: Sequence[Item]) -> NewRun:
    """One run for all of them."""
    new = [item.new for item in sorted(items, key=lambda item: item.order)]
    tags: Tags = {}
    metadata: dict[str, object] = {}
    for one in new:
        tags = merged_tags(tags, one.tags)
        metadata |= one.metadata or {}
    keys = {one.concurrency_key for one in new}
    groups = {one.dependency_key for one in new}
    priorities = [one.priority for one in new if one.priority is not None]
    return msgspec.structs.replace(
        new[-1],
        job=buffer.job_id,
        payload=f'{{"items":[{",".join(one.payload for one in new)}]}}',
        trigger="batch",
        priority=max(priorities) if priorities else None,
        tags=tags or None,
        metadata=metadata or None,
        idempotency_key=None,
        concurrency_key=keys.pop() if len(keys) == 1 else None,
        dependency_key=groups.pop() if len(groups) == 1 else None,
        available_at=None,
    )
