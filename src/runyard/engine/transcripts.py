"""A run's whole log as text, read slice by slice."""

from __future__ import annotations

from runyard.domain.slices import Slice
from runyard.engine import runs, sizes
from runyard.storage.port import Tx
from runyard.storage.statements import transcripts as sql
from runyard.storage.statements.transcripts import Said

AT_ONCE = 1000


def of_run(tx: Tx, project_id: int, run_id: str, *, after: int = 0) -> Slice[Said, int]:
    """The next lines of the run's log, oldest first; a slice ends early where they are long. Raises `NotFound`."""
    runs.find(tx, project_id, run_id)
    ahead = sql.sizes(tx, run_id, after, AT_ONCE)
    count = sizes.fitting([size for _, size in ahead], AT_ONCE)
    if count == 0:
        return Slice(rows=[], more=None)
    last = ahead[count - 1][0]
    more = last if count < len(ahead) or len(ahead) == AT_ONCE else None
    return Slice(rows=sql.between(tx, run_id, ahead[0][0], last), more=more)
