"""SQL of what tells of an agent's thoughts: the newest of a run's lines, calls and actions, cut to what is shown."""

from __future__ import annotations

from runyard.domain.thoughts import LONGEST, WIDEST, Called, Done, Line
from runyard.storage.port import Tx

_TYPES = "('thought', 'observation', 'message', 'assistant', 'user', 'environment')"
"""As the index `logs_thoughts` has them, so that it is used."""
_CUT = LONGEST + 1


def _short(name: str) -> str:
    return f"CASE WHEN LENGTH({name}) <= {WIDEST} THEN {name} END"


_NEWEST = f"SELECT seq FROM logs WHERE run_id = :run_id AND type IN {_TYPES} ORDER BY seq DESC LIMIT :n"
# First their numbers, which the index has: SQLite goes by the primary key, through all lines, where more is wanted.
LINES = (
    f"SELECT at, type, SUBSTR(message, 1, {_CUT}), {_short('data')} FROM logs "
    f"WHERE run_id = :run_id AND seq IN ({_NEWEST}) ORDER BY seq DESC"
)
CALLS = (
    f"SELECT at, name, status, duration_ms, SUBSTR(error, 1, {_CUT}), {_short('input')} FROM tool_calls "
    "WHERE run_id = :run_id ORDER BY id DESC LIMIT :n"
)
ACTIONS = (
    f"SELECT at, type, SUBSTR(description, 1, {_CUT}), target, url, result FROM actions "
    "WHERE run_id = :run_id ORDER BY id DESC LIMIT :n"
)


def lines(tx: Tx, run_id: str, n: int) -> list[Line]:
    """The run's last `n` lines that say what its agent thought or saw, newest first."""
    return [Line(*row) for row in tx.rows(LINES, run_id=run_id, n=n)]


def calls(tx: Tx, run_id: str, n: int) -> list[Called]:
    """The run's last `n` tool calls, newest first."""
    return [Called(*row) for row in tx.rows(CALLS, run_id=run_id, n=n)]


def actions(tx: Tx, run_id: str, n: int) -> list[Done]:
    """The run's last `n` actions, newest first."""
    return [Done(*row) for row in tx.rows(ACTIONS, run_id=run_id, n=n)]
