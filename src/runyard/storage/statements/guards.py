"""SQL of guardrails: what a run may use, and what it has used."""

from __future__ import annotations

from runyard.storage.port import Tx

LIMITS = (
    "SELECT runs.policy, projects.settings, runs.cost_micro_usd FROM runs "
    "LEFT JOIN projects ON projects.id = runs.project_id WHERE runs.id = :run_id"
)
TOKENS = (
    "SELECT COALESCE(SUM(COALESCE(total_tokens, input_tokens + output_tokens)), 0) FROM usage WHERE run_id = :run_id"
)
TOOL_CALLS = "SELECT COUNT(*) FROM tool_calls WHERE run_id = :run_id"


def limits(tx: Tx, run_id: str) -> tuple[str, str, int]:
    """The run's policy and its project's settings, as JSON, and what the run has cost so far."""
    row = tx.row(LIMITS, run_id=run_id)
    return (row[0], row[1] or "{}", row[2]) if row else ("{}", "{}", 0)


def tokens(tx: Tx, run_id: str) -> int:
    """How many tokens the run has used."""
    row = tx.row(TOKENS, run_id=run_id)
    return int(row[0]) if row else 0


def tool_calls(tx: Tx, run_id: str) -> int:
    """How many tool calls the run has made."""
    row = tx.row(TOOL_CALLS, run_id=run_id)
    return int(row[0]) if row else 0
