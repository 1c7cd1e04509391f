"""Tokens that a run has used, as `state.token_usage` has them."""

from __future__ import annotations

from typing import Any

_NAMES = {
    "inputTokens": "input_tokens",
    "outputTokens": "output_tokens",
    "cachedReadTokens": "cache_read_tokens",
    "cachedWriteTokens": "cache_write_tokens",
    "thoughtTokens": "thought_tokens",
    "totalTokens": "total_tokens",
}


class Usage:
    """Sums over the turns of a run."""

    def __init__(self, stored: Any = None) -> None:
        known = stored if isinstance(stored, dict) else {}
        self.sums = {name: _count(known.get(name)) for name in (*_NAMES.values(), "turns")}

    def add(self, said: Any) -> dict[str, int] | None:
        """Add what the agent says of a turn; what was added, or nothing when it says nothing."""
        if not isinstance(said, dict) or not any(name in said for name in _NAMES):
            return None
        used = {name: _count(said.get(name)) for name in _NAMES}
        for name, count in used.items():
            self.sums[_NAMES[name]] += count
        self.sums["turns"] += 1
        return used


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0
