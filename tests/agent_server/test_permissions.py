"""Who decides what the agent asks leave for."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from runyard.agent_server.launch import Policy
from runyard.agent_server.permissions import CANCELLED, Permissions

YES = {"optionId": "y", "kind": "allow_once", "name": "Yes"}
ALWAYS = {"optionId": "a", "kind": "allow_always", "name": "Always"}
NO = {"optionId": "n", "kind": "reject_once", "name": "No"}


@pytest.mark.parametrize(
    ("policy", "options", "option"),
    [
        ("allow", [NO, ALWAYS, YES], "y"),
        ("allow", [NO, ALWAYS], "a"),
        ("reject", [YES, NO], "n"),
        # Where there is no way to say it, it is not done.
        ("reject", [YES], None),
        ("allow", [NO, {"kind": "allow_once"}, "nonsense"], None),
    ],
)
def test_a_policy_chooses_what_binds_least(policy: Policy, options: list[Any], option: str | None) -> None:
    noted: list[tuple[str, Any]] = []
    emitted: list[Any] = []
    permissions = Permissions(
        policy, emit=emitted.append, note=lambda method, params: noted.append((method, params)), ids=lambda: "id"
    )
    said = asyncio.run(permissions.ask({"options": options, "toolCall": {"toolCallId": "c"}}))
    assert said == (CANCELLED if option is None else {"outcome": {"outcome": "selected", "optionId": option}})
    assert [method for method, _ in noted] == ["_posthog/permission_request", "_posthog/permission_resolved"]
    assert noted[1][1] == {"requestId": "id", "toolCallId": "c", "optionId": option}
    # Nobody is asked.
    assert emitted == []
