"""An agent that says what it is told: `python -m runyard.agent_server.echo`, for tests and demonstrations.

Every prompt is echoed in chunks and appended to ECHO.md of the working folder. Words in a prompt have it do more:
`please ask` (for leave to write), `please plan`, `please think`, `please run: COMMAND`, `please read: PATH`,
`please answer: TEXT` (say just that), `please wait` (until it is steered or cancelled), `please fail`, `please refuse`,
`please crash`.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from runyard.agent_server.clock import fresh_id
from runyard.agent_server.rpc import INVALID_PARAMS, MAX_LINE, METHOD_NOT_FOUND, Peer, PeerGone, RpcError

FILE = "ECHO.md"
_OPTIONS = [
    {"optionId": "yes", "name": "Write it", "kind": "allow_once"},
    {"optionId": "no", "name": "Leave it", "kind": "reject_once"},
]


class Session(Struct, kw_only=True):
    """What the agent knows of a conversation."""

    id: str
    folder: Path
    voice: str = "plain"
    turns: int = 0
    turn: asyncio.Task[str] | None = None
    steered: asyncio.Queue[str] = msgspec.field(default_factory=asyncio.Queue)


class Echo:
    """The agent."""

    def __init__(self) -> None:
        self.peer: Peer
        self._sessions: dict[str, Session] = {}

    async def answer(self, method: str, params: dict[str, Any]) -> Any:
        """What the client asked for. Raises `RpcError`."""
        match method:
            case "initialize":
                return {
                    "protocolVersion": 1,
                    "agentCapabilities": {
                        "loadSession": True,
                        "promptCapabilities": {"image": False, "audio": False, "embeddedContext": True},
                        "mcpCapabilities": {"http": True, "sse": False},
                        "_meta": {"runyard": {"steer": True}},
                    },
                    "agentInfo": {"name": "echo", "title": "Echo", "version": "1"},
                    "authMethods": [],
                }
            case "session/new":
                session = self._open(f"echo-{fresh_id()}", params)
                return {"sessionId": session.id, "configOptions": _options(session)}
            case "session/load":
                return await self._load(params)
            case "session/set_config_option":
                session = self._session(params)
                if params.get("configId") != "voice" or params.get("value") not in {"plain", "loud"}:
                    raise RpcError(INVALID_PARAMS, "voice may be plain or loud, and there is no other option")
                session.voice = params["value"]
                return {"configOptions": _options(session)}
            case "session/prompt":
                return await self._prompt(self._session(params), params)
            case _:
                raise RpcError(METHOD_NOT_FOUND, f"echo knows no {method}")

    def hear(self, method: str, params: dict[str, Any]) -> None:
        """What the client tells."""
        session = self._sessions.get(str(params.get("sessionId")))
        if method == "session/cancel" and session is not None:
            # Behind the prompt that it means, which may have come in the same breath and not have begun.
            asyncio.get_running_loop().call_soon(_cancel, session)

    def _open(self, name: str, params: dict[str, Any]) -> Session:
        self._sessions[name] = Session(id=name, folder=Path(params["cwd"]))
        return self._sessions[name]

    def _session(self, params: dict[str, Any]) -> Session:
        session = self._sessions.get(str(params.get("sessionId")))
        if session is None:
            raise RpcError(INVALID_PARAMS, "there is no such session")
        return session

    async def _load(self, params: dict[str, Any]) -> dict[str, Any]:
        name = str(params.get("sessionId"))
        if not name.startswith("echo-"):
            raise RpcError(INVALID_PARAMS, f"echo never had a session {name}")
        session = self._open(name, params)
        # What was said before is told again, as the protocol wants it.
        await self._chunk(session, "agent_message_chunk", "what was said before")
        return {"configOptions": _options(session)}

    async def _prompt(self, session: Session, params: dict[str, Any]) -> dict[str, Any]:
        text = "\n".join(_text(block) for block in params.get("prompt") or ())
        if session.turn is not None and (params.get("_meta") or {}).get("steer"):
            session.steered.put_nowait(text)
            return {"stopReason": "end_turn"}
        session.turn = asyncio.create_task(self._turn(session, text))
        try:
            reason = await session.turn
        except asyncio.CancelledError:
            reason = "cancelled"
        finally:
            session.turn = None
        session.turns += 1
        used = {"inputTokens": len(text.split()), "outputTokens": len(text.split())}
        return {"stopReason": reason, "usage": {**used, "totalTokens": sum(used.values())}}

    async def _turn(self, session: Session, text: str) -> str:
        if "please crash" in text:
            sys.stderr.write("echo was asked to crash\n")
            sys.stderr.flush()
            os._exit(3)
        if "please fail" in text:
            raise RpcError(-32603, "echo was asked to fail")
        if "please refuse" in text:
            return "refusal"
        if "please think" in text:
            await self._chunk(session, "agent_thought_chunk", "an echo has no thoughts")
        if "please plan" in text:
            entry = {"content": "echo", "priority": "medium", "status": "in_progress"}
            await self._update(session, {"sessionUpdate": "plan", "entries": [entry]})
        if "please wait" in text:
            await self._chunk(session, "agent_message_chunk", "waiting")
            text = await session.steered.get()
        said = await self._said(session, text)
        if "please answer" not in text:
            await self._write(session, text)
        for word in re.findall(r"\s*\S+", said.upper() if session.voice == "loud" else said):
            await self._chunk(session, "agent_message_chunk", word)
        size = {"sessionUpdate": "usage_update", "used": len(text), "size": 1000}
        await self._update(session, {**size, "cost": {"amount": 0.25, "currency": "USD"}})
        return "end_turn"

    async def _said(self, session: Session, text: str) -> str:
        where = {"sessionId": session.id}
        if found := re.search(r"please answer: (.*)", text, re.DOTALL):
            return found[1]
        if found := re.search(r"please read: (\S+)", text):
            try:
                return str((await self.peer.ask("fs/read_text_file", {**where, "path": found[1]}))["content"])
            except RpcError as error:
                return f"refused: {error}"
        if found := re.search(r"please run: (.*)", text):
            made = await self.peer.ask("terminal/create", {**where, "command": found[1]})
            where = {**where, **made}
            ended = await self.peer.ask("terminal/wait_for_exit", where)
            output = await self.peer.ask("terminal/output", where)
            await self.peer.ask("terminal/release", where)
            return f"{output['output'].strip()} ({ended['exitCode']})"
        return f"echo: {text}"

    async def _write(self, session: Session, text: str) -> None:
        path = session.folder / FILE
        call = f"call-{session.turns}"
        old = path.read_text() if path.exists() else None
        new = f"{old or ''}{text.splitlines()[0] if text else ''}\n"
        change = {"type": "diff", "path": str(path), "oldText": old, "newText": new}
        about = {"toolCallId": call, "title": f"Append to {FILE}", "kind": "edit", "locations": [{"path": str(path)}]}
        await self._update(session, {"sessionUpdate": "tool_call", **about, "status": "pending", "content": [change]})
        status = "completed"
        if "please ask" in text:
            asked = {"sessionId": session.id, "toolCall": about, "options": _OPTIONS}
            outcome = (await self.peer.ask("session/request_permission", asked))["outcome"]
            if outcome["outcome"] == "cancelled":
                raise asyncio.CancelledError
            status = "completed" if outcome["optionId"] == "yes" else "failed"
        if status == "completed":
            await self.peer.ask("fs/write_text_file", {"sessionId": session.id, "path": str(path), "content": new})
        await self._update(session, {"sessionUpdate": "tool_call_update", "toolCallId": call, "status": status})

    async def _chunk(self, session: Session, kind: str, text: str) -> None:
        await self._update(session, {"sessionUpdate": kind, "content": {"type": "text", "text": text}})

    async def _update(self, session: Session, update: dict[str, Any]) -> None:
        await self.peer.tell("session/update", {"sessionId": session.id, "update": update})


def _cancel(session: Session) -> None:
    if session.turn is not None:
        session.turn.cancel()


def _options(session: Session) -> list[dict[str, Any]]:
    choices = [{"value": name, "name": name.title()} for name in ("plain", "loud")]
    about = {"id": "voice", "name": "Voice", "category": "model", "type": "select"}
    return [{**about, "currentValue": session.voice, "options": choices}]


def _text(block: dict[str, Any]) -> str:
    if block.get("type") == "text":
        return str(block.get("text") or "")
    return f"[{block.get('type')} {block.get('uri') or block.get('name') or ''}]".replace(" ]", "]")


async def main() -> None:
    """Speak over standard input and output until the other side is gone."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=MAX_LINE)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, sys.stdout)
    echo = Echo()
    writer = asyncio.StreamWriter(transport, protocol, reader, loop)
    echo.peer = Peer(reader, writer, answer=echo.answer, hear=echo.hear)
    await echo.peer.listen()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except (KeyboardInterrupt, PeerGone):
        sys.exit(0)
