"""Reading a run's log by gravity and time, for people and for pollers that know a time and no number."""

from __future__ import annotations

from runyard.domain.records import LogEntry
from runyard.engine import runs, sizes
from runyard.storage.port import Tx
from runyard.storage.statements import log_lines as sql

MOST = 1000
MILLI = 1000


def of_run(
    tx: Tx, project_id: int, run_id: str, *, level: str | None = None, since: int | None = None, limit: int = 100
) -> list[LogEntry]:
    """The first lines of the run's log, perhaps of one of `domain.levels` or after a time only. Raises `NotFound`.

    Times are shown in milliseconds and so compared: a poller that passes the last time it saw gets no line twice.
    What is long ends early, with one line at least (`sizes.PAGE`).
    """
    runs.find(tx, project_id, run_id)
    start = None if since is None else (since // MILLI + 1) * MILLI
    ahead = sql.sizes(tx, run_id, level=level, since=start, n=limit)
    count = sizes.fitting([size for _, size in ahead], limit)
    if count == 0:
        return []
    return sql.between(tx, run_id, ahead[0][0], ahead[count - 1][0], level=level, since=start)
