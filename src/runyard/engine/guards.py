"""Guardrails: what a run may use of tokens, money and tools, by its policy and its project's settings.

They are asked after the run is locked and before anything is stored, so what is refused leaves no trace.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec

from runyard.domain.errors import Forbidden, LimitReached
from runyard.domain.policy import Policy
from runyard.domain.projects import ProjectSettings
from runyard.storage.port import Tx
from runyard.storage.statements import guards as sql


@lru_cache(maxsize=1024)
def _policy(text: str) -> Policy:
    return msgspec.json.decode(text, type=Policy)


@lru_cache(maxsize=1024)
def _settings(text: str) -> ProjectSettings:
    return msgspec.json.decode(text, type=ProjectSettings)


def spending(tx: Tx, run_id: str, *, tokens: int, cost: int) -> None:
    """Whether the run may use so much more. Raises `LimitReached`."""
    policy_text, settings_text, spent = sql.limits(tx, run_id)
    policy, settings = _policy(policy_text), _settings(settings_text)
    most_cost = policy.max_cost if policy.max_cost is not None else settings.max_run_cost
    # What costs nothing is let through however little is left.
    if most_cost is not None and cost > 0 and spent + cost >= most_cost:
        raise LimitReached(
            f"the run has cost {spent} of {most_cost} micro-USD; {cost} more are too many",
            guard="cost_budget_exceeded",
            current=spent,
            limit=most_cost,
        )
    most_tokens = policy.max_tokens if policy.max_tokens is not None else settings.max_run_tokens
    if most_tokens is None:
        return
    used = sql.tokens(tx, run_id)
    if used + tokens > most_tokens:
        raise LimitReached(
            f"the run has used {used} of {most_tokens} tokens; {tokens} more are too many",
            guard="token_budget_exceeded",
            current=used,
            limit=most_tokens,
        )


def tool(tx: Tx, run_id: str, name: str) -> None:
    """Whether the run may call the tool once more. Raises `Forbidden` or `LimitReached`."""
    policy = _policy(sql.limits(tx, run_id)[0])
    if policy.allowed_tools and name not in policy.allowed_tools:
        raise Forbidden(f"the tool {name!r} is not among those the run may call", guard="tool_not_allowed", tool=name)
    if name in policy.blocked_tools:
        raise Forbidden(f"the tool {name!r} is blocked for the run", guard="tool_blocked", tool=name)
    if policy.max_tool_calls is None:
        return
    made = sql.tool_calls(tx, run_id)
    if made >= policy.max_tool_calls:
        raise LimitReached(
            f"the run has made {made} tool calls of {policy.max_tool_calls}",
            guard="tool_call_limit_exceeded",
            current=made,
            limit=policy.max_tool_calls,
        )
