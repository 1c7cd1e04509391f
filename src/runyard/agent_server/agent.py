"""The agent: a subprocess that speaks ACP, and the one session it has."""

from __future__ import annotations

import asyncio
import logging
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from msgspec import Struct

from runyard import __version__
from runyard.agent_server import files, processes
from runyard.agent_server.launch import Launch
from runyard.agent_server.permissions import Permissions
from runyard.agent_server.rpc import MAX_LINE, METHOD_NOT_FOUND, Peer, PeerGone, RpcError
from runyard.agent_server.terminals import CreateTerminal, Terminals

log = logging.getLogger("runyard.agent_server")
PROTOCOL_VERSION = 1
START_SECONDS = 180.0
"""How long an agent may take to answer that it is there: a bridge may have to be fetched first."""
Hear = Callable[[str, dict[str, Any]], None]


class AgentLost(Exception):
    """The agent did not start, or is gone; says what is known of why."""


class _McpCapabilities(Struct, frozen=True, kw_only=True):
    http: bool = False
    sse: bool = False


class _PromptCapabilities(Struct, frozen=True, kw_only=True, rename="camel"):
    image: bool = False
    audio: bool = False
    embedded_context: bool = False


class _Capabilities(Struct, frozen=True, kw_only=True, rename="camel"):
    load_session: bool = False
    mcp_capabilities: _McpCapabilities = _McpCapabilities()
    prompt_capabilities: _PromptCapabilities = _PromptCapabilities()
    meta: dict[str, Any] | None = msgspec.field(default=None, name="_meta")

    def steers(self) -> bool:
        """Whether the agent takes a message while it is in a turn."""
        meta = self.meta or {}
        for name, mark in (("runyard", "steer"), ("claudeCode", "promptQueueing")):
            part = meta.get(name)
            if isinstance(part, dict) and part.get(mark) is True:
                return True
        return False


class _Initialized(Struct, frozen=True, kw_only=True, rename="camel"):
    protocol_version: int
    agent_capabilities: _Capabilities = _Capabilities()


class _Opened(Struct, frozen=True, kw_only=True, rename="camel"):
    session_id: str
    config_options: list[dict[str, Any]] | None = None


class _TerminalName(Struct, frozen=True, kw_only=True, rename="camel"):
    terminal_id: str


class Agent:
    """A running agent with an open session."""

    def __init__(
        self, process: Process, *, launch: Launch, hear: Hear, permissions: Permissions, terminals: Terminals
    ) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._launch = launch
        self._permissions = permissions
        self._terminals = terminals
        self._last_words: deque[str] = deque(maxlen=5)
        self._peer = Peer(process.stdout, process.stdin, answer=self._answer, hear=hear)
        self._tasks = [
            asyncio.create_task(self._peer.listen(), name="agent-listen"),
            asyncio.create_task(self._overhear(), name="agent-stderr"),
        ]
        self.capabilities = _Capabilities()
        self.session_id = ""
        self.config_options: list[dict[str, Any]] = []
        self.was_loaded = False
        self.is_replaying = False
        """Whether it tells an old conversation again."""

    # -- its life

    async def open(self, *, resume: str | None, mcp_servers: list[dict[str, Any]], meta: dict[str, Any] | None) -> None:
        """Greet the agent and open a session, the old one where it can and is asked. Raises `AgentLost`."""
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._initialize()
                about = {"cwd": str(self._launch.folder), "mcpServers": self._reachable(mcp_servers)}
                if resume is not None and self.capabilities.load_session:
                    await self._load(resume, about)
                if not self.was_loaded:
                    self._take(await self._peer.ask("session/new", {**about, **({"_meta": meta} if meta else {})}))
        except TimeoutError:
            raise AgentLost(f"it did not open a session within {START_SECONDS:.0f} seconds") from None
        except (RpcError, msgspec.ValidationError) as error:
            raise AgentLost(f"it opened no session: {_told(error)}") from None
        except PeerGone:
            raise AgentLost(await self.how_it_ended()) from None

    async def _initialize(self) -> None:
        said = await self._peer.ask(
            "initialize",
            {
                "protocolVersion": PROTOCOL_VERSION,
                "clientCapabilities": {"fs": {"readTextFile": True, "writeTextFile": True}, "terminal": True},
                "clientInfo": {"name": "runyard", "title": "Runyard", "version": __version__},
            },
        )
        found = msgspec.convert(said, _Initialized)
        if found.protocol_version != PROTOCOL_VERSION:
            raise AgentLost(f"it speaks version {found.protocol_version} of ACP, and we speak {PROTOCOL_VERSION}")
        self.capabilities = found.agent_capabilities

    async def _load(self, resume: str, about: dict[str, Any]) -> None:
        self.is_replaying = True
        try:
            said = await self._peer.ask("session/load", {**about, "sessionId": resume})
        except RpcError as error:
            # Its memory of the session may be gone with its machine; what was said is told anew.
            log.warning("agent.not_loaded %s", _told(error))
            return
        finally:
            self.is_replaying = False
        self._take({**(said or {}), "sessionId": resume})
        self.was_loaded = True

    def _take(self, said: Any) -> None:
        opened = msgspec.convert(said, _Opened)
        self.session_id = opened.session_id
        self.config_options = opened.config_options or []

    def _reachable(self, servers: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The MCP servers that the agent can speak to."""
        can = {"http": self.capabilities.mcp_capabilities.http, "sse": self.capabilities.mcp_capabilities.sse}
        for server in servers:
            if not can.get(server.get("type", ""), True):
                log.warning("agent.no_mcp %s speaks %s, which the agent does not", server["name"], server["type"])
        return [server for server in servers if can.get(server.get("type", ""), True)]

    async def gone(self) -> str:
        """Return when the process has ended; how it did."""
        await self._process.wait()
        return await self.how_it_ended()

    async def how_it_ended(self) -> str:
        """What is known of the end of a process that is ending."""
        try:
            code = await asyncio.wait_for(self._process.wait(), 2.0)
        except TimeoutError:
            return "it closed its output"
        # Whoever inherited its standard error may keep that open.
        await asyncio.wait(self._tasks[1:], timeout=0.5)
        how = f"exit code {code}" if code >= 0 else f"signal {-code}"
        words = self._last_words[-1] if self._last_words else ""
        return f"{how}: {words}" if words else how

    async def close(self) -> None:
        """End the process, with all it started."""
        await self._terminals.close()
        if self._process.stdin is not None:
            self._process.stdin.close()
        await processes.end(self._process)
        for task in self._tasks:
            task.cancel()

    # -- turns

    async def prompt(self, blocks: list[dict[str, Any]], meta: dict[str, Any] | None = None) -> dict[str, Any]:
        """The agent's answer to a prompt, when its turn is over. Raises `RpcError` and `PeerGone`."""
        params: dict[str, Any] = {"sessionId": self.session_id, "prompt": blocks}
        said = await self._peer.ask("session/prompt", {**params, **({"_meta": meta} if meta else {})})
        return said if isinstance(said, dict) else {}

    async def cancel(self) -> None:
        """Ask the agent to end its turn."""
        await self._peer.tell("session/cancel", {"sessionId": self.session_id})

    async def set_option(self, option: str, value: str | bool) -> list[dict[str, Any]]:
        """All options as they are after the change. Raises `RpcError` and `PeerGone`."""
        params: dict[str, Any] = {"sessionId": self.session_id, "configId": option, "value": value}
        if isinstance(value, bool):
            params["type"] = "boolean"
        said = await self._peer.ask("session/set_config_option", params)
        options = said.get("configOptions") if isinstance(said, dict) else None
        if isinstance(options, list):
            self.config_options = options
        return self.config_options

    # -- what it asks for

    async def _answer(self, method: str, params: dict[str, Any]) -> Any:
        serve = _SERVED.get(method)
        if serve is None:
            raise RpcError(METHOD_NOT_FOUND, f"{method} is not served")
        return await serve(self, params)

    async def _permission(self, params: dict[str, Any]) -> Any:
        return await self._permissions.ask(params)

    async def _read(self, params: dict[str, Any]) -> Any:
        asked = msgspec.convert(params, files.ReadTextFile)
        return {"content": await asyncio.to_thread(files.read, self._launch.folder, asked)}

    async def _write(self, params: dict[str, Any]) -> Any:
        asked = msgspec.convert(params, files.WriteTextFile)
        await asyncio.to_thread(files.write, self._launch.folder, asked)
        return {}

    async def _create(self, params: dict[str, Any]) -> Any:
        return {"terminalId": await self._terminals.create(msgspec.convert(params, CreateTerminal))}

    async def _output(self, params: dict[str, Any]) -> Any:
        return self._terminals.get(_name(params)).output()

    async def _wait(self, params: dict[str, Any]) -> Any:
        return await self._terminals.get(_name(params)).wait()

    async def _kill(self, params: dict[str, Any]) -> Any:
        processes.kill(self._terminals.get(_name(params)).process)
        return {}

    async def _release(self, params: dict[str, Any]) -> Any:
        await self._terminals.release(_name(params))
        return {}

    async def _overhear(self) -> None:
        """Log what the process says on standard error, and remember the end of it."""
        assert self._process.stderr is not None
        while part := await self._process.stderr.read(1 << 16):
            for line in part.decode(errors="replace").splitlines():
                if text := line.strip()[:500]:
                    self._last_words.append(text)
                    log.info("agent.says %s", text)


_SERVED: dict[str, Callable[[Agent, dict[str, Any]], Awaitable[Any]]] = {
    "session/request_permission": Agent._permission,
    "fs/read_text_file": Agent._read,
    "fs/write_text_file": Agent._write,
    "terminal/create": Agent._create,
    "terminal/output": Agent._output,
    "terminal/wait_for_exit": Agent._wait,
    "terminal/kill": Agent._kill,
    "terminal/release": Agent._release,
}


async def start(launch: Launch, *, hear: Hear, permissions: Permissions, terminals: Terminals) -> Agent:
    """The agent's process, not yet greeted. Raises `AgentLost`."""
    try:
        process = await processes.start(
            launch.command,
            cwd=launch.folder,
            environment=launch.environment,
            stdin=PIPE,
            stderr=PIPE,
            limit=MAX_LINE,
        )
    except OSError as error:
        raise AgentLost(f"{launch.command[0]} cannot be started: {error.strerror}") from None
    return Agent(process, launch=launch, hear=hear, permissions=permissions, terminals=terminals)


def _name(params: dict[str, Any]) -> str:
    return msgspec.convert(params, _TerminalName).terminal_id


def _told(error: Exception) -> str:
    """An error of the agent, with the detail that many keep in its data."""
    data = error.data if isinstance(error, RpcError) else None
    detail = data.get("details") or data.get("message") if isinstance(data, dict) else data
    return f"{error} ({detail})" if detail else str(error)
