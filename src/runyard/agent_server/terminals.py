"""Commands that the agent runs through us, within its folder."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, Struct

from runyard.agent_server import processes
from runyard.agent_server.clock import Ids
from runyard.agent_server.files import within
from runyard.agent_server.rpc import INVALID_PARAMS, RpcError

MAX_TERMINALS = 64
MAX_OUTPUT = 8 << 20


class Variable(Struct, frozen=True, kw_only=True):
    """One variable of an environment."""

    name: str
    value: str


class CreateTerminal(Struct, frozen=True, kw_only=True, rename="camel"):
    """`terminal/create`."""

    command: Annotated[str, Meta(min_length=1)]
    args: list[str] | None = None
    env: list[Variable] | None = None
    cwd: str | None = None
    output_byte_limit: Annotated[int, Meta(ge=0)] | None = None


class Terminal:
    """A command and the end of what it said."""

    def __init__(self, process: Process, limit: int) -> None:
        self.process = process
        self._limit = limit
        self._said = bytearray()
        self._truncated = False
        self._reading = asyncio.create_task(self._read(), name="terminal")

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while part := await self.process.stdout.read(1 << 16):
            self._said += part
            if (beyond := len(self._said) - self._limit) > 0:
                self._truncated = True
                # Not in the middle of a character.
                while beyond < len(self._said) and self._said[beyond] & 0xC0 == 0x80:
                    beyond += 1
                del self._said[:beyond]

    def output(self) -> dict[str, Any]:
        """`terminal/output`."""
        said: dict[str, Any] = {"output": self._said.decode(errors="replace"), "truncated": self._truncated}
        if self.process.returncode is not None:
            said["exitStatus"] = _status(self.process.returncode)
        return said

    async def wait(self) -> dict[str, Any]:
        """`terminal/wait_for_exit`."""
        return _status(await self.process.wait())

    async def release(self) -> None:
        """End the command, with all it started."""
        processes.kill(self.process)
        await self.process.wait()
        self._reading.cancel()


class Terminals:
    """Every command of a session."""

    def __init__(self, folder: Path, environment: Mapping[str, str], ids: Ids) -> None:
        self._folder = folder
        self._environment = environment
        self._ids = ids
        self._open: dict[str, Terminal] = {}

    async def create(self, asked: CreateTerminal) -> str:
        """The name of the terminal that runs the command. Raises `RpcError`."""
        if len(self._open) >= MAX_TERMINALS:
            raise RpcError(INVALID_PARAMS, f"There are {MAX_TERMINALS} terminals already; release one")
        # Agents give either a program with its arguments, or one line for a shell.
        command = [asked.command, *asked.args] if asked.args else ["/bin/sh", "-c", asked.command]
        more = {variable.name: variable.value for variable in asked.env or ()}
        try:
            process = await processes.start(
                command,
                cwd=within(self._folder, asked.cwd) if asked.cwd else self._folder,
                environment={**self._environment, **more},
                stdin=DEVNULL,
                stderr=STDOUT,
            )
        except (OSError, ValueError) as error:
            raise RpcError(INVALID_PARAMS, f"{asked.command} cannot be started: {error}") from None
        limit = MAX_OUTPUT if asked.output_byte_limit is None else min(asked.output_byte_limit, MAX_OUTPUT)
        name = self._ids()
        self._open[name] = Terminal(process, limit)
        return name

    def get(self, name: str) -> Terminal:
        """The terminal of that name. Raises `RpcError`."""
        if name not in self._open:
            raise RpcError(INVALID_PARAMS, f"There is no terminal {name}")
        return self._open[name]

    async def release(self, name: str) -> None:
        """End and forget a terminal. Raises `RpcError`."""
        terminal = self.get(name)
        del self._open[name]
        await terminal.release()

    async def close(self) -> None:
        """End all of them."""
        for name in list(self._open):
            await self.release(name)


def _status(code: int) -> dict[str, Any]:
    return {"exitCode": code, "signal": None} if code >= 0 else {"exitCode": None, "signal": str(-code)}
