"""A door to a server that slams: a TCP proxy that cuts connections where it hurts."""

from __future__ import annotations

import contextlib
import itertools
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from typing import Literal, Self

Cut = Literal["refuse", "before", "after", "midway", "late"]
"""When a connection is reset: at once, before the request is passed on, after it but before its answer, within the
answer, or not before the third answer has passed."""

CYCLE: tuple[Cut, ...] = ("after", "before", "late", "midway", "refuse", "late")


class Cutter:
    """Listens on a port of its own; every connection gets the next cut of the cycle."""

    def __init__(self, target: str, cycle: Sequence[Cut] = CYCLE) -> None:
        host, port = target.removeprefix("http://").rsplit(":", 1)
        self._target = (host, int(port))
        self._cuts: Iterator[Cut] = itertools.cycle(cycle)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.made: list[Cut] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        # A thread that waits in `accept` is not woken by closing alone.
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for one in [*self._open]:
            _reset(one)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(client, next(self._cuts)), daemon=True).start()

    def _serve(self, client: socket.socket, cut: Cut) -> None:
        self.made.append(cut)
        if cut == "refuse":
            _reset(client)
            return
        server = socket.create_connection(self._target)
        self._open |= {client, server}
        try:
            with contextlib.suppress(OSError):
                _converse(client, server, cut)
        finally:
            self._open -= {client, server}
            _reset(client)
            server.close()


def _converse(client: socket.socket, server: socket.socket, cut: Cut) -> None:
    for answers in itertools.count(1):
        request = _message(client)
        if cut == "before" or not request:
            return
        server.sendall(request)
        answer = _message(server)
        if cut == "after" or not answer:
            return
        if cut == "midway":
            client.sendall(answer[: len(answer) // 2])
            return
        client.sendall(answer)
        if answers == 3:
            return


def _message(source: socket.socket) -> bytes:
    """One request or answer as HTTP/1.1 frames it with a content length; nothing when the other side is gone."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = source.recv(65536)
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    left = (int(lengths[0].partition(b":")[2]) if lengths else 0) - len(body)
    while left > 0:
        more = source.recv(65536)
        if not more:
            return b""
        data += more
        left -= len(more)
    return data


def _reset(connection: socket.socket) -> None:
    """Close it with a reset, as a crash or a firewall would."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
