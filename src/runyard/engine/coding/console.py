"""What the server itself says in the log of a coding run."""

from __future__ import annotations

from runyard.domain.records import Run
from runyard.engine import sizes
from runyard.engine.coding import logs
from runyard.storage.port import LogLine, Tx


def say(tx: Tx, run: Run, level: str, message: str) -> None:
    """Say something in the run's log, and to those who follow it; `level` is one of `domain.levels.LEVELS`."""
    sizes.within(sizes.DOCUMENT, "the message", message)
    text = message.replace("\0", "\ufffd")
    tx.emit(LogLine(run.project_id, run.id, run.attempt, tx.now, level, text, None))
    logs.tell(tx, run, 1, len(text))
