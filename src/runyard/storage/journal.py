"""Writes a batch's journal and log lines with sequence numbers.

Numbers are taken last and held until the commit by the lock on the counter row, so a reader that has seen `n` never
later finds a smaller one appear, with any number of writers.
"""

from __future__ import annotations

from runyard.storage.port import Insert, LogLine, Row, Tx

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
    },
)
NEXT = "UPDATE counters SET value = value + :n WHERE name = 'seq' RETURNING value"


def numbered(tx: Tx, first: int) -> tuple[list[Row], list[Row]]:
    """The rows of the events and of the log lines gathered in the transaction, numbered in one sequence."""
    events: list[Row] = []
    logs: list[Row] = []
    for seq, line in enumerate(tx.journal, first):
        if isinstance(line, LogLine):
            logs.append((seq, line.project_id, line.run_id, line.attempt, line.at, line.level, line.message, line.data))
        else:
            events.append((seq, line.project_id, line.run_id, line.type, tx.now, line.actor, line.data))
    return events, logs


def flush(tx: Tx) -> None:
    """Write the lines gathered in the transaction; called once, right before the commit."""
    lines = tx.journal
    if not lines:
        return
    (last,) = tx.row(NEXT, n=len(lines)) or (0,)
    events, logs = numbered(tx, last - len(lines) + 1)
    if events:
        tx.insert(EVENTS, events)
    if logs:
        tx.insert(LOGS, logs)
    tx.journal, tx.written = [], lines
