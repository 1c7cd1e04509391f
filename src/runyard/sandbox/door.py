"""The door of a sandbox without network: what knocks on it is led to this server, and nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import socket

MOST = 64
"""Connections of one program at a time."""
PIECE = 1 << 16


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
            answers, beyond = await asyncio.open_connection(*self._target, limit=PIECE)
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


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(PIECE):
        writer.write(piece)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
