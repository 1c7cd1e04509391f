"""What followers of coding runs hear: each change of a run, and what its sandbox tells as it tells it."""

from __future__ import annotations

import msgspec

from runyard.domain.coding import CodingSeen
from runyard.storage.port import ChunkLine, Tx

STATE, EVENTS, LOGGED = "run-state", "run-events", "run-log"
"""The streams of a run's chunks in which its changes stand, and what was told of it as it was told.

Lines of its log are not kept there again: what stands in the third says how many lines right before it are meant, and
how much text they have."""
_json = msgspec.json.Encoder()


class RunNews(msgspec.Struct, frozen=True, kw_only=True):
    """How a run stands, as its stream keeps it."""

    task_id: str
    state: str
    stage: str | None
    branch: str | None
    output: msgspec.Raw
    error: msgspec.Raw
    updated_at: int
    finished_at: int | None


def news_of(seen: CodingSeen) -> RunNews:
    """How the run stands now."""
    run, row = seen.run, seen.row
    return RunNews(
        task_id=row.task_id,
        state=run.state.value,
        stage=row.stage,
        branch=row.branch,
        output=msgspec.Raw((run.output or "null").encode()),
        error=msgspec.Raw((run.error or "null").encode()),
        updated_at=seen.updated_at,
        finished_at=run.finished_at,
    )


def tell(tx: Tx, seen: CodingSeen) -> None:
    """Tell those who follow the run how it stands."""
    text = _json.encode(news_of(seen)).decode()
    done = seen.run.is_final
    tx.emit(ChunkLine(seen.run.project_id, seen.run.id, STATE, text, done))
