"""Starting a managed program, and ending it with everything it started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

import msgspec

from runyard.sandbox.gauge import Seen, members
from runyard.sandbox.images import RUN, Program
from runyard.sandbox.isolation import APP, PYTHON, WORK, Cell, cell_of, walls
from runyard.sandbox.limits import Limits
from runyard.settings import Settings

READY_SECONDS = 10.0
LINE = 1 << 16
"""How much of the program's output is read ahead."""
DOOR = 8321
"""Where the program finds the server inside its own network."""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_json = msgspec.json.Encoder()


class NotStarted(Exception):
    """The program could not be shut in; the message says why."""


class Running:
    """A program that was started, and what it stands in."""

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket, *, layers: int) -> None:
        self.process = process
        self.door: socket.socket | None = None
        self._control = control
        self._layers = layers
        self._asking = asyncio.Lock()

    async def connect(self, port: int) -> socket.socket:
        """A connection to a port that the program listens on, in its own network. Raises `OSError`."""
        async with self._asking:
            await asyncio.get_running_loop().sock_sendall(self._control, port.to_bytes(2, "big"))
            said, found = await _received(self._control)
        if found is None:
            raise ConnectionRefusedError("nobody listens there" if said else "the program is gone")
        return found

    def members(self, processes: Mapping[int, Seen]) -> list[int]:
        """The program's own processes among all, without what it stands in."""
        return members(processes, self.process.pid, layers=self._layers)

    def terminate(self, processes: Mapping[int, Seen]) -> None:
        """Ask every process of the program to end."""
        for pid in self.members(processes):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def kill(self) -> None:
        """End it now, with everything it started."""
        # Without walls this ends the keeper's watch, which then leaves nobody; bubblewrap takes its processes along.
        self._control.close()
        if self._layers > 1:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()

    def forget(self) -> None:
        """Let go of what is left of a program that has ended."""
        self._control.close()
        if self.door is not None:
            self.door.close()

    async def _begin(self, order: bytes, *, door: bool) -> None:
        try:
            async with asyncio.timeout(READY_SECONDS):
                await asyncio.get_running_loop().sock_sendall(self._control, len(order).to_bytes(4, "big") + order)
                said, found = await _received(self._control)
        except (OSError, TimeoutError):
            said, found = b"", None
        self.door = found
        if not said or (door and found is None):
            self.kill()
            said_why = await self.process.stderr.read(2000) if self.process.stderr is not None else b""
            await self.process.wait()
            raise NotStarted(said_why.decode(errors="replace").strip() or "it ended before the program began")


async def launch(program: Program, environment: Mapping[str, str], limits: Limits, settings: Settings) -> Running:
    """Start a managed run's program with this environment and nothing of ours. Raises `NotStarted`.

    It lives no longer than the thread and the process that called.
    """
    cell = cell_of(program, settings)
    return await start(_words(program, walled=cell.walled), environment, limits, cell)


async def start(words: Sequence[str], environment: Mapping[str, str], limits: Limits, cell: Cell) -> Running:
    """Start these words with this environment and nothing of ours. Raises `NotStarted`.

    What they start lives no longer than the thread and the process that called. Without walls the folder they work in
    is removed when they have ended, whoever made it.
    """
    walled = cell.walled
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    folder = None if walled else cell.work or tempfile.mkdtemp(prefix="runyard-run-")
    place = WORK if folder is None else folder
    order = {
        "words": words,
        "folder": os.path.join(place, cell.below),
        "limits": {
            "memory": limits.memory,
            "cpus": limits.cpus,
            "files": limits.files,
            # Without a user of its own the program would be counted together with everything its user runs.
            "processes": limits.processes if walled else 0,
        },
        # By the socket and not as that of the process, whose environment says how bubblewrap itself is loaded.
        "environment": {"PATH": PATH, "HOME": place, "TMPDIR": "/tmp" if walled else place, "LANG": "C.UTF-8"}  # noqa: S108
        | dict(environment),
        "door": DOOR if cell.secluded else 0,
        "gate": cell.secluded and cell.gate,
        "keep": not walled,
    }
    inner = [PYTHON, "-I", "-S", "-c", _entry(), str(theirs.fileno())]
    try:
        process = await asyncio.create_subprocess_exec(
            *(walls(cell, limits) if walled else ()),
            *inner,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=LINE,
            env={},
            cwd="/" if walled else place,
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        ours.close()
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        raise NotStarted(str(error)) from None
    finally:
        theirs.close()
    running = Running(process, ours, layers=2 if walled else 1)
    try:
        await running._begin(_json.encode(order), door=bool(order["door"]))
    except BaseException:
        running.kill()
        running.forget()
        raise
    return running


def _words(program: Program, *, walled: bool) -> list[str]:
    if program.folder is None:
        return list(program.words)
    return [str(Path(APP if walled else program.folder) / RUN)]


def _entry() -> str:
    return resources.files("runyard.sandbox").joinpath("entry.py").read_text(encoding="utf-8")


async def _received(control: socket.socket) -> tuple[bytes, socket.socket | None]:
    """What comes over the socket first, perhaps with another socket."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(control.fileno(), readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(control.fileno())
    said, fds, _, _ = socket.recv_fds(control, 1, 1)
    return said, socket.socket(fileno=fds[0]) if fds else None
