"""Writes a batch's journal and log lines with sequence numbers.

Numbers are taken last and held until the commit by the lock on the counter row, so a reader that has seen `n` never
later finds a smaller one appear, with any number of writers.
"""

from __future__ import annotations

from runyard.storage.port import Insert, JournalLine, LogLine, Tx

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


def flush(tx: Tx) -> None:
    """Write the lines gathered in the transaction; called once, right before the commit."""
    lines = tx.journal
    if not lines:
        return
    (last,) = tx.row(NEXT, n=len(lines)) or (0,)
    events, logs = [], []
    for seq, line in enumerate(lines, last - len(lines) + 1):
        if isinstance(line, LogLine):
            logs.append((seq, line.project_id, line.run_id, line.attempt, line.at, line.level, line.message, line.data))
        elif isinstance(line, JournalLine):
            events.append((seq, line.project_id, line.run_id, line.type, tx.now, line.actor, line.data))
    if events:
        tx.insert(EVENTS, events)
    if logs:
        tx.insert(LOGS, logs)
    tx.journal, tx.written = [], lines
