"""What a managed program prints becomes its run's log, line by line and bounded."""

from __future__ import annotations

import asyncio
from collections import deque

import structlog

from runyard.domain.errors import Unavailable
from runyard.domain.records import Run
from runyard.engine import managed
from runyard.engine.managed import Printed
from runyard.storage.port import Store

log = structlog.get_logger("runyard.managed")

LONGEST = 16 << 10
"""Bytes of a line; a longer one is broken."""
MOST_BYTES = 16 << 20
"""Of all that one program prints, so much is kept."""
AHEAD = 500
"""Lines that may wait to be written; then the program waits until they are."""
GATHER_SECONDS = 0.1
TAIL = 4096
PIECE = 1 << 14
TRIES = 10


class Output:
    """Reads a program's output to its end and writes it to the log of the run."""

    def __init__(self, store: Store, run: Run) -> None:
        self.tail = bytearray()
        """The last of what came on standard error."""
        self._store = store
        self._run = run
        self._lines: deque[tuple[str, str]] = deque()
        self._some = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._taken = 0
        self._ended = False

    async def read(self, process: asyncio.subprocess.Process) -> None:
        """Return when both streams have ended and all that is kept of them is in the log."""
        assert process.stdout is not None
        assert process.stderr is not None
        writing = asyncio.create_task(self._write())
        try:
            await asyncio.gather(self._stream(process.stdout, "info"), self._stream(process.stderr, "warn"))
            self._ended = True
            self._some.set()
            await writing
        finally:
            writing.cancel()

    async def _stream(self, stream: asyncio.StreamReader, level: str) -> None:
        rest = b""
        while piece := await stream.read(PIECE):
            if level != "info":
                self.tail = (self.tail + piece)[-TAIL:]
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                await self._add(line, level)
            while len(rest) > LONGEST:
                await self._add(rest[:LONGEST], level)
                rest = rest[LONGEST:]
        if rest:
            await self._add(rest, level)

    async def _add(self, line: bytes, level: str) -> None:
        if self._taken > MOST_BYTES:
            return
        self._taken += len(line) + 1
        if self._taken > MOST_BYTES:
            line, level = f"the program printed more than {MOST_BYTES >> 20} MiB; the rest is not kept".encode(), "warn"
        for start in range(0, max(len(line), 1), LONGEST):
            text = line[start : start + LONGEST].rstrip(b"\r").decode(errors="replace")
            self._lines.append((level, text))
        self._some.set()
        if len(self._lines) >= AHEAD:
            self._room.clear()
            await self._room.wait()

    async def _write(self) -> None:
        while self._lines or not self._ended:
            await self._some.wait()
            if not self._ended and len(self._lines) < AHEAD:
                await asyncio.sleep(GATHER_SECONDS)
            self._some.clear()
            while self._lines:
                await self._keep(tuple(self._lines.popleft() for _ in range(min(AHEAD, len(self._lines)))))
                if len(self._lines) < AHEAD:
                    self._room.set()
            if self._ended:
                self._some.set()

    async def _keep(self, lines: tuple[tuple[str, str], ...]) -> None:
        run = self._run
        printed = Printed(project_id=run.project_id, run_id=run.id, attempt=run.attempt, lines=lines)
        for _ in range(TRIES):
            try:
                await self._store.write(managed.keep_output, [printed])
            except Unavailable as error:
                await asyncio.sleep(error.retry_after)
            else:
                return
        log.warning("managed.output_dropped", run=run.id, lines=len(lines))
