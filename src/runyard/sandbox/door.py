"""The doors of a sandbox without network: out of it to this server and nowhere else, and into it to one port."""

from __future__ import annotations

import asyncio
import contextlib
import socket

from runyard.sandbox.launch import Running

MOST = 64
"""Connections of one program at a time."""
PIECE = 1 << 16


Way = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Door:
    """Leads connections on the listening socket to one address until it is closed."""

    def __init__(self, listener: socket.socket, host: str, port: int) -> None:
        self._listener = listener
        self._target = (host, port)
        self._guests: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Begin to answer."""
        self._listener.setblocking(False)
        self._server = await asyncio.start_server(self._arrived, sock=self._listener, limit=PIECE)

    async def beyond(self) -> Way:
        """A connection to where guests are led. Raises `OSError`."""
        return await asyncio.open_connection(*self._target, limit=PIECE)

    async def close(self) -> None:
        """Answer no more, and part from whoever is there."""
        if self._server is not None:
            self._server.close()
        guests = list(self._guests)
        for guest in guests:
            guest.cancel()
        await asyncio.gather(*guests, return_exceptions=True)

    async def _arrived(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._guests) >= MOST:
            writer.close()
            return
        guest = asyncio.create_task(self._lead(reader, writer))
        self._guests.add(guest)
        guest.add_done_callback(self._guests.discard)

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        beyond: asyncio.StreamWriter | None = None
        try:
            answers, beyond = await self.beyond()
            ways = [asyncio.create_task(_carry(reader, beyond)), asyncio.create_task(_carry(answers, writer))]
            try:
                await asyncio.gather(*ways)
            finally:
                for way in ways:
                    way.cancel()
        except OSError:
            pass
        finally:
            for end in (writer, beyond):
                if end is not None:
                    with contextlib.suppress(OSError):
                        end.close()


class Gate(Door):
    """Leads connections on a port of this machine's loopback to a port that the program listens on inside."""

    def __init__(self, running: Running, port: int) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        super().__init__(listener, *listener.getsockname())
        self.port: int = listener.getsockname()[1]
        self._running = running
        self._inside = port

    async def beyond(self) -> Way:
        """A connection into the sandbox. Raises `OSError`."""
        return await asyncio.open_connection(sock=await self._running.connect(self._inside), limit=PIECE)


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(PIECE):
        writer.write(piece)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
