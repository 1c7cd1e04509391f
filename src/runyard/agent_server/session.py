"""The session of a run: turns one at a time, and what is told of each (contract §10.3 and §10.6)."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Struct

from runyard.agent_server import git, prompts
from runyard.agent_server.agent import Agent
from runyard.agent_server.commands import (
    NO_SESSION,
    CommandFailed,
    Nothing,
    PermissionResponse,
    SetConfigOption,
    UserMessage,
)
from runyard.agent_server.control import Control, ControlError
from runyard.agent_server.journal import Journal
from runyard.agent_server.launch import Launch
from runyard.agent_server.permissions import Permissions
from runyard.agent_server.rpc import PeerGone, RpcError
from runyard.agent_server.usage import Usage

log = logging.getLogger("runyard.agent_server")
MAX_RELAYED = 10_000
MAX_REMEMBERED = 1_000
CLOSING_SECONDS = 2.0
REPORT_ATTEMPTS = 3
ERROR = "error_recoverable"


class Turn(Struct, frozen=True, kw_only=True):
    """How a turn ended."""

    stop_reason: str
    parts: tuple[str, ...] = ()
    trace_id: str | None = None
    error: str | None = None

    @property
    def answer(self) -> str:
        """All that the agent said."""
        return "\n\n".join(part.strip() for part in self.parts if part.strip())

    def result(self) -> dict[str, Any]:
        """What who sent the message is told."""
        more = {"assistant_message": self.answer, "trace_id": self.trace_id, "error": self.error}
        return {"stopReason": self.stop_reason, **{name: value for name, value in more.items() if value}}


class Outside(Struct, frozen=True, kw_only=True):
    """Whom the session tells what concerns the whole server."""

    on_turn: Callable[[Turn], None]
    on_lost: Callable[[str], Awaitable[None]]
    on_close: Callable[[], Awaitable[None]]


class RunSession:
    """An agent with an open session, and who talks to it."""

    def __init__(
        self,
        agent: Agent,
        *,
        launch: Launch,
        control: Control,
        journal: Journal,
        permissions: Permissions,
        usage: Usage,
        outside: Outside,
        branch: str | None,
    ) -> None:
        self.agent = agent
        self._launch = launch
        self._control = control
        self._journal = journal
        self._permissions = permissions
        self._usage = usage
        self._outside = outside
        self._branch = branch
        self._line = asyncio.Lock()
        self._in_turn = False
        self._seen: OrderedDict[str, asyncio.Task[dict[str, Any]]] = OrderedDict()
        self._steering: set[asyncio.Task[None]] = set()
        self._cost: dict[str, Any] | None = None
        self.last_turn: Turn | None = None
        self.waiting = 0
        """How many messages wait for their turn."""
        self.is_closed = False
        self.is_over = False
        """Whether the run is being ended, so that no more turns begin."""

    # -- commands

    async def user_message(self, said: UserMessage) -> dict[str, Any]:
        """Have the agent take a turn, once for each id. Raises `CommandFailed`."""
        name = said.message_id
        if name is None:
            return await self._deliver(said)
        known = self._seen.get(name)
        if known is not None:
            if known.done():
                return {"stopReason": "duplicate_delivery", "duplicate": True}
            return await asyncio.shield(known)
        task = asyncio.create_task(self._deliver(said), name=f"message {name}")
        self._seen[name] = task
        if len(self._seen) > MAX_REMEMBERED:
            self._seen.popitem(last=False)
        task.add_done_callback(lambda done: self._forget(name, done))
        return await asyncio.shield(task)

    async def cancel(self, said: Nothing) -> dict[str, Any]:
        """Stop the turn, if there is one."""
        if self._in_turn:
            self._permissions.give_up(reject=False)
            try:
                await self.agent.cancel()
            except PeerGone:
                raise CommandFailed("The agent is gone") from None
        return {"cancelled": True}

    async def close(self, said: Nothing) -> dict[str, Any]:
        """End the session."""
        await self._outside.on_close()
        return {"closed": True}

    async def permission_response(self, said: PermissionResponse) -> dict[str, Any]:
        """Let the agent go on, or not. Raises `CommandFailed`."""
        self._permissions.respond(said)
        return {"resolved": True}

    async def set_config_option(self, said: SetConfigOption) -> dict[str, Any]:
        """Change how the agent works, where it offers that. Raises `CommandFailed`."""
        offered = [str(option.get("id")) for option in self.agent.config_options]
        if said.config_id not in offered:
            raise CommandFailed(f"The agent has no option {said.config_id}; it offers {', '.join(offered) or 'none'}")
        try:
            return {"configOptions": await self.agent.set_option(said.config_id, said.value)}
        except (RpcError, PeerGone) as error:
            raise CommandFailed(str(error)) from None

    # -- turns

    async def turn(self, blocks: list[dict[str, Any]], shown: str | None = None) -> Turn:
        """A turn of the agent's, when those before it are over; `shown` is what who reads along sees of it.

        Raises `CommandFailed` when the session is closed.
        """
        self.waiting += 1
        try:
            await self._line.acquire()
        finally:
            self.waiting -= 1
        try:
            if self.is_closed or self.is_over:
                raise CommandFailed(NO_SESSION)
            turn = await self._prompted(blocks, prompts.plain(blocks) if shown is None else shown)
            if not self.is_closed:
                await self._report(turn)
            self.last_turn = turn
        finally:
            self._line.release()
        self._outside.on_turn(turn)
        return turn

    def remember(self, name: str) -> None:
        """Take it that the message of that id is delivered."""

        async def delivered() -> dict[str, Any]:
            return {}

        self._seen[name] = asyncio.create_task(delivered(), name=f"message {name}")

    def hear(self, method: str, params: dict[str, Any]) -> None:
        """Take what the agent tells."""
        update = params.get("update")
        if method != "session/update" or not isinstance(update, dict):
            if method.startswith("_"):
                # Extensions pass through, as everything does that we do not know.
                self._journal.note(method, params)
            return
        match update.get("sessionUpdate"):
            case "usage_update" if isinstance(update.get("cost"), dict):
                self._cost = update["cost"]
            case "config_option_update" if isinstance(update.get("configOptions"), list):
                self.agent.config_options = update["configOptions"]
        self._journal.update(params)

    async def end(self) -> None:
        """Have the agent stop: its turn first, which has a moment to end, and then itself."""
        self.is_closed = True
        self._permissions.give_up(reject=True)
        try:
            if self._in_turn:
                await self.agent.cancel()
                async with asyncio.timeout(CLOSING_SECONDS), self._line:
                    pass
        except (PeerGone, TimeoutError):
            log.info("session.forced to end")
        await self.agent.close()
        self._journal.settle()

    async def _deliver(self, said: UserMessage) -> dict[str, Any]:
        content = [prompts.text(said.content)] if isinstance(said.content, str) else list(said.content or ())
        if said.steer and self._in_turn:
            return self._steer(content)
        blocks = content + await prompts.attached(self._launch, self._control, said.artifacts)
        turn = await self.turn(blocks)
        return turn.result()

    def _steer(self, content: list[dict[str, Any]]) -> dict[str, Any]:
        if not self.agent.capabilities.steers():
            reason = "The agent takes messages between turns only"
            return {"stopReason": "steer_declined", "steered": False, "reason": reason}
        self._show(prompts.plain(content))
        task = asyncio.create_task(self._steered(content), name="steer")
        self._steering.add(task)
        task.add_done_callback(self._steering.discard)
        return {"stopReason": "steered", "steered": True}

    async def _steered(self, content: list[dict[str, Any]]) -> None:
        try:
            await self.agent.prompt(content, {"steer": True})
        except (RpcError, PeerGone) as error:
            self._journal.console(self.agent.session_id, "warn", f"The agent did not take a message: {error}")

    def _forget(self, name: str, task: asyncio.Task[dict[str, Any]]) -> None:
        """Let a message be sent again that never got to the agent."""
        failed = task.cancelled() or task.exception() is not None
        if failed or task.result().get("stopReason") == "steer_declined":
            self._seen.pop(name, None)

    async def _prompted(self, blocks: list[dict[str, Any]], shown: str) -> Turn:
        self._journal.turn()
        self._show(shown)
        self._in_turn = True
        said: dict[str, Any] = {}
        error: str | None = None
        try:
            said = await self.agent.prompt(blocks)
        except RpcError as failure:
            error = f"{failure} ({failure.data})" if failure.data else str(failure)
        except PeerGone:
            if not self.is_closed:
                how = await self.agent.how_it_ended()
                await self._outside.on_lost(how)
                raise CommandFailed(f"The agent is gone: {how}") from None
            said = {"stopReason": "cancelled"}
        finally:
            self._in_turn = False
        self._journal.settle()
        meta = said.get("_meta")
        trace = meta.get("traceId") if isinstance(meta, dict) else None
        if used := self._usage.add(said.get("usage")):
            told = {"sessionId": self.agent.session_id, "used": used, "cost": (self._cost or {}).get("amount")}
            self._journal.note("_posthog/usage_update", told)
        return Turn(
            stop_reason=ERROR if error else str(said.get("stopReason") or "end_turn"),
            parts=tuple(self._journal.parts),
            trace_id=trace if isinstance(trace, str) else None,
            error=error,
        )

    def _show(self, shown: str) -> None:
        content = {"type": "text", "text": shown}
        update = {"sessionUpdate": "user_message", "content": content}
        self._journal.update({"sessionId": self.agent.session_id, "update": update})

    # -- the end of a turn

    async def _report(self, turn: Turn) -> None:
        session = self.agent.session_id
        if turn.error:
            self._journal.console(session, "error", turn.error)
        told = {"sessionId": session, "stopReason": turn.stop_reason, "traceId": turn.trace_id}
        self._journal.note("_posthog/turn_complete", {name: value for name, value in told.items() if value})
        changes: dict[str, Any] = {"state": {"token_usage": self._usage.sums}} if self._usage.sums["turns"] else {}
        branch = await git.branch(self._launch.folder)
        if branch is not None and branch != self._branch:
            changes |= {"branch": branch, "output": {"head_branch": branch}}
        try:
            if changes:
                await self._control.update(changes, attempts=REPORT_ATTEMPTS)
                self._branch = branch
            if turn.stop_reason == "end_turn" and (parts := [part.strip() for part in turn.parts if part.strip()]):
                await self._control.relay(turn.answer[:MAX_RELAYED], [part[:MAX_RELAYED] for part in parts])
        except ControlError as error:
            # The turn stands; sums and branch are told again with the next one.
            self._journal.console(session, "warn", f"The end of the turn could not be reported: {error}")
