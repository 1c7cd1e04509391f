"""HTTP/1.1 over plain sockets for clients in tests: the usual transport costs more than the server's whole answer."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import httptools
import httpx2

PIECE = 1 << 16


class Wire(httpx2.BaseTransport):
    """A transport to servers on this machine; any number of threads may share it."""

    def __init__(self) -> None:
        self.idle: dict[tuple[str, int | None], list[socket.socket]] = {}

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send the request and return the reply with its head read."""
        reply = Exchange(self, request)
        try:
            reply.send(request)
            reply.read_head()
        except BaseException:
            reply.close()
            raise
        said = {"http_version": b"HTTP/1.1"}
        return httpx2.Response(reply.parser.get_status_code(), headers=reply.headers, stream=reply, extensions=said)

    def connection(self, server: tuple[str, int | None]) -> socket.socket:
        """A connection that waits for a request."""
        kept = self.idle.setdefault(server, [])
        while kept:
            # Another thread may take the last one in between.
            with contextlib.suppress(IndexError):
                one = kept.pop()
                if _is_open(one):
                    return one
                one.close()
        try:
            one = socket.create_connection(server)
        except OSError as error:
            raise httpx2.ConnectError(str(error)) from error
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return one

    def close(self) -> None:
        """Close what is kept."""
        for kept in self.idle.values():
            while kept:
                kept.pop().close()


def _is_open(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        # Between requests nothing comes but the end.
        connection.recv(1)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


class Exchange(httpx2.SyncByteStream):
    """One request and the body of its reply, read as it is asked for; what the parser calls are its `on_…`."""

    def __init__(self, wire: Wire, request: httpx2.Request) -> None:
        self.wire = wire
        self.server = (request.url.host, request.url.port)
        self.headers: list[tuple[bytes, bytes]] = []
        self.parser = httptools.HttpResponseParser(self)
        self.pieces: list[bytes] = []
        self.has_head = self.is_whole = False
        self.has_body = request.method != "HEAD"
        self.socket = wire.connection(self.server)
        self.socket.settimeout(request.extensions.get("timeout", {}).get("read"))

    def send(self, request: httpx2.Request) -> None:
        """Send the request. A server may refuse a body before it has read it all."""
        head = [b"%s %s HTTP/1.1" % (request.method.encode(), request.url.raw_path)]
        head += [b"%s: %s" % pair for pair in request.headers.raw]
        start = b"\r\n".join([*head, b"", b""])
        stream: Any = request.stream
        with contextlib.suppress(ConnectionError):
            if "transfer-encoding" not in request.headers:
                self.socket.sendall(start + b"".join(stream))
                return
            self.socket.sendall(start)
            for piece in filter(None, stream):
                self.socket.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.socket.sendall(b"0\r\n\r\n")

    def read_head(self) -> None:
        """Read up to the end of the reply's head."""
        while not self.has_head:
            self._read()

    def _read(self) -> None:
        try:
            data = self.socket.recv(PIECE)
            if data:
                self.parser.feed_data(data)
        except TimeoutError as error:
            raise httpx2.ReadTimeout("nothing came in time") from error
        except OSError as error:
            raise httpx2.ReadError(str(error)) from error
        except httptools.HttpParserError as error:
            raise httpx2.RemoteProtocolError(str(error)) from error
        if not data:
            lengths = {b"content-length", b"transfer-encoding"} & {name.lower() for name, _ in self.headers}
            if lengths or not self.has_head:
                raise httpx2.RemoteProtocolError("the connection was closed within the reply")
            self.is_whole = True

    def __iter__(self) -> Iterator[bytes]:
        while self.has_body:
            if self.pieces:
                pieces, self.pieces = self.pieces, []
                yield b"".join(pieces)
            elif self.is_whole:
                return
            else:
                self._read()

    def close(self) -> None:
        """Keep the connection for the next request, if this one is done with."""
        connection = self.socket
        if self.is_whole and self.has_body and self.parser.should_keep_alive():
            self.wire.idle[self.server].append(connection)
        else:
            connection.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self.has_head = True

    def on_body(self, piece: bytes) -> None:
        self.pieces.append(piece)

    def on_message_complete(self) -> None:
        self.is_whole = True
