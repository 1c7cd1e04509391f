"""What the agent asks leave for, and who decides."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Literal

from msgspec import Struct

from runyard.agent_server.clock import Ids
from runyard.agent_server.commands import CommandFailed, PermissionResponse
from runyard.agent_server.launch import Policy

CANCELLED: dict[str, Any] = {"outcome": {"outcome": "cancelled"}}
_KINDS = {"allow": ("allow_once", "allow_always"), "reject": ("reject_once", "reject_always")}
Note = Callable[[str, dict[str, Any]], None]
Emit = Callable[[dict[str, Any]], None]


class _Open(Struct, frozen=True, kw_only=True):
    decided: asyncio.Future[dict[str, Any]]
    options: list[dict[str, Any]]
    tool_call: dict[str, Any]


def chosen(options: Sequence[dict[str, Any]], way: Literal["allow", "reject"]) -> str | None:
    """The option that goes the way and binds least."""
    for kind in _KINDS[way]:
        for option in options:
            if option.get("kind") == kind and isinstance(option.get("optionId"), str):
                return str(option["optionId"])
    return None


class Permissions:
    """Requests that wait for a decision."""

    def __init__(self, policy: Policy, *, emit: Emit, note: Note, ids: Ids) -> None:
        self._policy = policy
        self._emit = emit
        self._note = note
        self._ids = ids
        self._open: dict[str, _Open] = {}

    async def ask(self, params: dict[str, Any]) -> dict[str, Any]:
        """The answer to `session/request_permission`: by the policy, else when somebody has decided."""
        options = [one for one in params.get("options") or () if isinstance(one, dict)]
        tool_call = params.get("toolCall") if isinstance(params.get("toolCall"), dict) else {}
        assert isinstance(tool_call, dict)
        request = self._ids()
        told = {"requestId": request, "options": options, "toolCall": tool_call}
        self._note("_posthog/permission_request", {**told, "toolCallId": tool_call.get("toolCallId")})
        if self._policy != "ask":
            option = chosen(options, self._policy)
            self._resolved(request, tool_call, option)
            return CANCELLED if option is None else _selected(option)
        decided: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._open[request] = _Open(decided=decided, options=options, tool_call=tool_call)
        self._emit({"type": "permission_request", **told})
        try:
            return await decided
        finally:
            self._open.pop(request, None)

    def respond(self, said: PermissionResponse) -> None:
        """Decide a request. Raises `CommandFailed` when nobody waits for it, or the option is none of its own."""
        waiting = self._open.get(said.request_id)
        if waiting is None or waiting.decided.done():
            raise CommandFailed(f"No pending permission request found for id: {said.request_id}")
        if said.option_id not in {option.get("optionId") for option in waiting.options}:
            raise CommandFailed(f"Option {said.option_id} is not one of the options of request {said.request_id}")
        meta = {"customInput": said.custom_input, "answers": said.answers}
        meta = {name: value for name, value in meta.items() if value}
        self._resolved(said.request_id, waiting.tool_call, said.option_id)
        waiting.decided.set_result({**_selected(said.option_id), **({"_meta": meta} if meta else {})})

    def give_up(self, *, reject: bool) -> None:
        """End every wait: as cancelled, or rejected where that is an option."""
        for request, waiting in list(self._open.items()):
            option = chosen(waiting.options, "reject") if reject else None
            if not waiting.decided.done():
                self._resolved(request, waiting.tool_call, option)
                waiting.decided.set_result(CANCELLED if option is None else _selected(option))

    def _resolved(self, request: str, tool_call: dict[str, Any], option: str | None) -> None:
        told = {"requestId": request, "toolCallId": tool_call.get("toolCallId"), "optionId": option}
        self._note("_posthog/permission_resolved", told)


def _selected(option: str) -> dict[str, Any]:
    return {"outcome": {"outcome": "selected", "optionId": option}}
