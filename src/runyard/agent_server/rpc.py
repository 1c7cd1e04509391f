"""JSON-RPC 2.0 in lines, both ways at once: what ACP travels in.

Our own few lines rather than the library of the protocol: that one takes more than a second to import, at both ends of
every sandbox, and drops kinds of updates that are newer than itself, which must pass through here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

log = logging.getLogger("runyard.agent_server")
MAX_LINE = 64 << 20
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL = -32603

Answer = Callable[[str, dict[str, Any]], Awaitable[Any]]
Hear = Callable[[str, dict[str, Any]], None]


class RpcError(Exception):
    """The other side answered with an error, or is to be answered with it."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.data = data


class PeerGone(Exception):
    """The other side is not there any more."""


class Peer:
    """One end of the line."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answer: Answer, hear: Hear
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._answer = answer
        self._hear = hear
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._number = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._gone = False

    async def ask(self, method: str, params: dict[str, Any]) -> Any:
        """The other side's result. Raises `RpcError` when it answers with an error, `PeerGone` when it does not."""
        if self._gone:
            raise PeerGone(method)
        self._number += 1
        number = self._number
        self._asked[number] = answered = asyncio.get_running_loop().create_future()
        try:
            await self._send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
            return await answered
        finally:
            self._asked.pop(number, None)

    async def tell(self, method: str, params: dict[str, Any]) -> None:
        """Say something that has no answer. Raises `PeerGone`."""
        await self._send({"jsonrpc": "2.0", "method": method, "params": params})

    async def listen(self) -> None:
        """Take what comes until the other side is gone; what it tells is heard in the order it came."""
        try:
            while line := await self._reader.readline():
                self._take(line)
        except (ValueError, OSError) as error:
            # A line beyond the limit: nothing can be made of what follows it.
            log.error("rpc.broken %s", error)
        finally:
            self._gone = True
            for answered in self._asked.values():
                if not answered.done():
                    answered.set_exception(PeerGone("the other side is gone"))
            for task in self._tasks:
                task.cancel()

    def _take(self, line: bytes) -> None:
        try:
            message = msgspec.json.decode(line, type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError):
            if line.strip():
                log.warning("rpc.not_json %.200r", line)
            return
        method = message.get("method")
        params = message.get("params")
        given = params if isinstance(params, dict) else {}
        if isinstance(method, str) and message.get("id") is not None:
            task = asyncio.create_task(self._serve(message["id"], method, given), name=f"rpc {method}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif isinstance(method, str):
            self._hear(method, given)
        else:
            self._settle(message)

    def _settle(self, message: dict[str, Any]) -> None:
        number = message.get("id")
        answered = self._asked.get(number) if isinstance(number, int) else None
        if answered is None or answered.done():
            return
        error = message.get("error")
        if isinstance(error, dict):
            code = error.get("code")
            text = str(error.get("message") or "the agent gives no reason")
            answered.set_exception(RpcError(code if isinstance(code, int) else INTERNAL, text, error.get("data")))
        else:
            answered.set_result(message.get("result"))

    async def _serve(self, number: Any, method: str, params: dict[str, Any]) -> None:
        reply: dict[str, Any] = {"jsonrpc": "2.0", "id": number}
        try:
            reply["result"] = await self._answer(method, params)
        except RpcError as error:
            reply["error"] = {"code": error.code, "message": str(error), "data": error.data}
        except msgspec.ValidationError as error:
            reply["error"] = {"code": INVALID_PARAMS, "message": str(error)}
        except Exception as error:
            # The other side is told, and the line stays.
            log.exception("rpc.failed %s", method)
            reply["error"] = {"code": INTERNAL, "message": f"{type(error).__name__}: {error}"}
        try:
            await self._send(reply)
        except PeerGone:
            log.debug("rpc.unheard %s", method)

    async def _send(self, message: dict[str, Any]) -> None:
        if self._gone:
            raise PeerGone(str(message.get("method")))
        try:
            self._writer.write(msgspec.json.encode(message) + b"\n")
            await self._writer.drain()
        except (OSError, RuntimeError) as error:
            raise PeerGone(str(error)) from None
