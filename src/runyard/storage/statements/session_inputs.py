"""SQL of what was said to sessions and is not to be taken up any more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from runyard.storage.port import Tx

CANCEL = (
    "UPDATE session_prompts SET state = 'canceled' WHERE session_id {among ids} AND state = 'queued' "
    "RETURNING session_id"
)


def cancel(tx: Tx, session_ids: Sequence[str]) -> dict[str, int]:
    """Cancel all that waits to be taken up by these sessions; how much that was, by session."""
    return dict(Counter(row[0] for row in tx.rows(CANCEL, ids=sorted(set(session_ids))))) if session_ids else {}
