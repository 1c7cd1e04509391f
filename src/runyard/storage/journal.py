"""Writes a batch's journal lines, log lines, chunks and lines of timelines with sequence numbers.

Numbers are taken last and held until the commit by the lock on the counter row, so a reader that has seen `n` never
later finds a smaller one appear, with any number of writers.
"""

from __future__ import annotations

from typing import NamedTuple

from runyard.storage.port import Insert, JournalLine, LogLine, Row, TaskLine, Tx

EVENTS = Insert(
    "events",
    {
        "seq": "bigint",
        "project_id": "bigint",
        "run_id": "text",
        "type": "text",
        "at": "bigint",
        "actor": "text",
        "data": "text",
    },
)
LOGS = Insert(
    "logs",
    {
        "seq": "bigint",
        "project_id": "bigint",
        "run_id": "text",
        "attempt": "bigint",
        "at": "bigint",
        "level": "text",
        "message": "text",
        "data": "text",
        "type": "text",
        "whole": "bigint",
    },
)
CHUNKS = Insert(
    "chunks",
    {
        "seq": "bigint",
        "project_id": "bigint",
        "run_id": "text",
        "stream": "text",
        "chunk": "text",
        "done": "bigint",
        "at": "bigint",
    },
)
TASKS = Insert(
    "task_events",
    {
        "seq": "bigint",
        "project_id": "bigint",
        "root_id": "text",
        "task_id": "text",
        "run_id": "text",
        "id": "text",
        "type": "text",
        "at": "bigint",
        "actor_kind": "text",
        "actor_ref": "text",
        "origin_kind": "text",
        "origin_ref": "text",
        "payload": "text",
    },
)
_TOLD = (TaskLine, LogLine)
NEXT = "UPDATE counters SET value = value + :n WHERE name = 'seq' RETURNING value"


class Numbered(NamedTuple):
    """The rows of what was gathered in a transaction, numbered in one sequence."""

    events: list[Row]
    logs: list[Row]
    chunks: list[Row]
    tasks: list[Row]


def numbered(tx: Tx, first: int) -> Numbered:
    """The rows of what was gathered in the transaction, numbered from `first` on."""
    found = Numbered([], [], [], [])
    events, logs, chunks, tasks = found
    for seq, line in enumerate(tx.journal, first):
        if isinstance(line, JournalLine):
            events.append((seq, line.project_id, line.run_id, line.type, tx.now, line.actor, line.data))
        elif isinstance(line, TaskLine):
            done = (line.type, tx.now, line.actor_kind, line.actor_ref, line.origin_kind, line.origin_ref, line.payload)
            tasks.append((seq, line.project_id, line.root_id, line.task_id, line.run_id, line.id, *done))
        elif isinstance(line, LogLine):
            said = (line.attempt, line.at, line.level, line.message, line.data, line.type, line.whole)
            logs.append((seq, line.project_id, line.run_id, *said))
        else:
            chunks.append((seq, line.project_id, line.run_id, line.stream, line.chunk, int(line.done), tx.now))
    return found


def settle(tx: Tx, first: int) -> None:
    """Tell the lines of logs and timelines their numbers: everything gathered was written from `first` on."""
    for seq, line in enumerate(tx.journal, first):
        if isinstance(line, _TOLD):
            line.seq = seq
    tx.journal, tx.written = [], tx.journal


def flush(tx: Tx) -> None:
    """Write the lines gathered in the transaction; called once, right before the commit."""
    if not tx.journal:
        return
    (last,) = tx.row(NEXT, n=len(tx.journal)) or (0,)
    first = last - len(tx.journal) + 1
    for statement, rows in zip((EVENTS, LOGS, CHUNKS, TASKS), numbered(tx, first), strict=True):
        if rows:
            tx.insert(statement, rows)
    settle(tx, first)
