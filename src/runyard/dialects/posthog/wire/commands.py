"""Commands for the agent of a run (contract §7)."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Method = Literal["user_message", "cancel", "close", "permission_response", "set_config_option"]


class CommandRequest(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A JSON-RPC request; what `params` holds depends on the method."""

    jsonrpc: Literal["2.0"]
    method: Method
    params: dict[str, Any] = {}
    id: str | float | None = None


class CommandFault(msgspec.Struct, kw_only=True):
    """Why the agent did not do it."""

    code: int
    message: str


class CommandResponse(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What the agent server answered, unchanged."""

    jsonrpc: Literal["2.0"]
    id: str | float | None = None
    result: dict[str, Any] = {}
    error: CommandFault | None = None
