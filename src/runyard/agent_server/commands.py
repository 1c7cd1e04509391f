"""What `/command` takes: JSON-RPC requests, their parameters, and the answers (contract §10.2 and §10.3)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal, Protocol

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

log = logging.getLogger("runyard.agent_server")
NO_SESSION = "No active session for this run"
"""Callers try again when they read exactly this: the session may not be there yet."""
INVALID_PARAMS = -32602
FAILED = -32000
Text = Annotated[str, Meta(min_length=1)]


class Request(Struct, frozen=True, kw_only=True):
    """A JSON-RPC 2.0 request."""

    jsonrpc: Literal["2.0"]
    method: str
    params: dict[str, Any] | UnsetType = UNSET
    id: str | int | float | UnsetType = UNSET


class CommandFailed(Exception):
    """The command is understood and cannot be done; says why."""


class UserMessage(Struct, frozen=True, kw_only=True, rename="camel"):
    """What somebody says to the agent."""

    content: str | list[dict[str, Any]] | None = None
    artifacts: Annotated[list[dict[str, Any]], Meta(max_length=100)] = []
    message_id: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    steer: bool = False

    def __post_init__(self) -> None:
        said = self.content.strip() if isinstance(self.content, str) else self.content
        if not said and not self.artifacts:
            raise ValueError("Either content or artifacts are required")


class PermissionResponse(Struct, frozen=True, kw_only=True, rename="camel"):
    """What somebody decided about something the agent asked leave for."""

    request_id: Text
    option_id: Text
    custom_input: str | None = None
    answers: dict[str, str] | None = None


class SetConfigOption(Struct, frozen=True, kw_only=True, rename="camel"):
    """How the agent is to work from now on."""

    config_id: Text
    value: Text | bool


class Nothing(Struct, frozen=True, kw_only=True):
    """Parameters of what needs none."""


class Session(Protocol):
    """Who does what the commands ask for; anything may raise `CommandFailed`."""

    async def user_message(self, said: UserMessage) -> dict[str, Any]:
        """Have the agent take a turn."""
        ...

    async def cancel(self, said: Nothing) -> dict[str, Any]:
        """Stop the turn."""
        ...

    async def close(self, said: Nothing) -> dict[str, Any]:
        """End the session."""
        ...

    async def permission_response(self, said: PermissionResponse) -> dict[str, Any]:
        """Let the agent go on, or not."""
        ...

    async def set_config_option(self, said: SetConfigOption) -> dict[str, Any]:
        """Change how the agent works."""
        ...


_PARAMS: dict[str, type[Struct]] = {
    "user_message": UserMessage,
    "cancel": Nothing,
    "close": Nothing,
    "permission_response": PermissionResponse,
    "set_config_option": SetConfigOption,
}
_UNDER_ONE_NAME = {"set_config_option"}
"""What is also done under the prefix `posthog/`; the published agent answers for the rest that they are unknown."""


async def answer(session: Session, request: Request) -> dict[str, Any]:
    """The JSON-RPC reply; whatever goes wrong is told in it."""
    prefix, _, bare = request.method.rpartition("/")
    kind = _PARAMS.get(bare) if prefix in {"", "posthog", "_posthog"} else None
    if kind is None:
        return _refused(request, INVALID_PARAMS, f"Unknown method: {request.method}")
    try:
        said = msgspec.convert({} if request.params is UNSET else request.params, kind)
    except msgspec.ValidationError as error:
        return _refused(request, INVALID_PARAMS, str(error))
    if prefix == "posthog" and bare not in _UNDER_ONE_NAME:
        return _refused(request, FAILED, f"Unknown method: {request.method}")
    act: Callable[[Struct], Awaitable[dict[str, Any]]] = getattr(session, bare)
    try:
        result = await act(said)
    except CommandFailed as error:
        return _refused(request, FAILED, str(error))
    except Exception as error:
        # Whoever asked is told; the server goes on.
        log.exception("command.failed %s", request.method)
        return _refused(request, FAILED, f"{type(error).__name__}: {error}")
    return {"jsonrpc": "2.0", **_id(request), "result": result}


def _refused(request: Request, code: int, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", **_id(request), "error": {"code": code, "message": message}}


def _id(request: Request) -> dict[str, Any]:
    return {} if request.id is UNSET else {"id": request.id}
