"""An endpoint that jobs are dispatched to: it answers at once, refuses, or holds on until it is let go."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import msgspec

from tests.e2e.processes import PATIENCE, until

Answer = tuple[int, bytes]


@dataclass(frozen=True, kw_only=True)
class Dispatch:
    """A request that arrived for a run."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def run_id(self) -> str:
        """The run it is for."""
        return self.headers["x-run-id"]

    @property
    def token(self) -> str:
        """The run token that came with it."""
        return self.headers["x-run-token"]


def echo(dispatch: Dispatch) -> Answer:
    """The payload, as the result."""
    return 200, b'{"got":' + dispatch.body + b"}"


def refuse(dispatch: Dispatch) -> Answer:
    """A failure that is not retried."""
    return 400, b'{"error":"no"}'


@dataclass
class Endpoint:
    """An HTTP server on this machine; `/hold` answers only when all is over."""

    ways: dict[str, Callable[[Dispatch], Answer]] = field(default_factory=lambda: {"/echo": echo, "/refuse": refuse})
    arrived: dict[str, Dispatch] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(int(headers.get("content-length", 0)))
                status, answer = endpoint.handle(Dispatch(path=self.path, headers=headers, body=body))
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, name="endpoint", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()

    def handle(self, dispatch: Dispatch) -> Answer:
        """What is answered to a request."""
        self.arrived[dispatch.run_id] = dispatch
        if dispatch.path == "/hold":
            self.over.wait(PATIENCE)
            return 200, b""
        return self.ways[dispatch.path](dispatch)

    def dispatched(self, run_id: str) -> Dispatch:
        """The request for the run, once it is there."""
        until(lambda: run_id in self.arrived, f"run {run_id} was not dispatched")
        return self.arrived[run_id]

    def payload(self, run_id: str) -> Any:
        """What the run was dispatched with."""
        return msgspec.json.decode(self.dispatched(run_id).body)
