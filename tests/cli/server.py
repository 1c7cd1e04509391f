"""A server that answers what a test tells it to."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

RUN_ID = "0199b3c4-0000-7000-8000-00000000a001"
OTHER_ID = "0199b3c4-0000-7000-8000-00000000b002"
AT = "2025-03-01T12:00:00.250Z"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request that came."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What to send back."""

    body: Any = None
    status: int = 200
    content_type: str = "application/json"


@dataclass
class Script:
    """The answers by method and path, and the requests that came."""

    url: str = ""
    routes: dict[tuple[str, str], list[Answer]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def on(
        self, method: str, path: str, *answers: Any, status: int = 200, content_type: str = "application/json"
    ) -> None:
        """Answer so, one after the other; the last one stays."""
        self.routes[method, path] = [
            Answer(body=body, status=status, content_type=content_type) for body in answers or (None,)
        ]

    def refuse(self, method: str, path: str, status: int, code: str, detail: str = "no") -> None:
        """Answer with a problem."""
        problem = {"type": "about:blank", "title": code, "status": status, "detail": detail, "code": code}
        self.on(method, path, problem | {"request_id": "req-1"}, status=status)

    def stream(self, path: str, *frames: tuple[str, dict[str, Any]]) -> None:
        """Answer with server-sent events."""
        text = "".join(
            f"id: {data.get('seq', 0)}\nevent: {kind}\ndata: {json.dumps(data)}\n\n" for kind, data in frames
        )
        self.on("GET", path, text, content_type="text/event-stream")

    def sent(self, method: str, path: str) -> list[Asked]:
        """The requests of this kind that came."""
        return [item for item in self.asked if item.method == method and item.path == path]

    def answer(self, asked: Asked) -> Answer:
        """What this request gets."""
        self.asked.append(asked)
        replies = self.routes.get((asked.method, asked.path))
        if replies is None:
            return Answer(body={"code": "not_found", "detail": f"no {asked.method} {asked.path}"}, status=404)
        return replies.pop(0) if len(replies) > 1 else replies[0]


def listen(script: Script) -> ThreadingHTTPServer:
    """An HTTP server that follows the script; the caller runs and closes it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            parts = urlsplit(self.path)
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
            body = json.loads(raw) if "json" in (self.headers.get("content-type") or "") and raw else raw
            asked = Asked(
                method=self.command,
                path=parts.path.removeprefix("/runyard/v1"),
                query=parse_qs(parts.query),
                headers={name.lower(): value for name, value in self.headers.items()},
                body=body,
            )
            answer = script.answer(asked)
            self.send_response(answer.status)
            if answer.status == 204:
                # Nothing may follow: a client that hangs up before it has read that resets the connection, of which
                # this server would complain on the standard error that the test looks at.
                self.end_headers()
                return
            is_text = isinstance(answer.body, str | bytes)
            data = answer.body if is_text else json.dumps(answer.body)
            sent = data.encode() if isinstance(data, str) else data
            self.send_header("content-type", answer.content_type)
            self.send_header("content-length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    script.url = f"http://127.0.0.1:{server.server_port}"
    return server


def run(**fields: Any) -> dict[str, Any]:
    """A run as the API shows it."""
    return {
        "id": RUN_ID,
        "project": "default",
        "state": "queued",
        "job": "mail",
        "queue": "default",
        "attempt": 0,
        "max_attempts": 3,
        "payload": {"to": "ann"},
        "created_at": AT,
        **fields,
    }


def page(*items: Any, next_cursor: str | None = None) -> dict[str, Any]:
    """A page of a list."""
    return {"data": list(items), "next_cursor": next_cursor}


def event(seq: int, type: str, **data: Any) -> tuple[str, dict[str, Any]]:
    """A frame of the journal."""
    return type, {"seq": seq, "type": type, "run_id": RUN_ID, "at": AT, "actor": None, "data": data}


def log(seq: int, message: str, *, level: str = "info", **data: Any) -> tuple[str, dict[str, Any]]:
    """A frame of the log."""
    return "log", {
        "seq": seq,
        "run_id": RUN_ID,
        "attempt": 1,
        "at": AT,
        "level": level,
        "message": message,
        "data": data or None,
    }


def done(state: str) -> tuple[str, dict[str, Any]]:
    """The last frame of a stream."""
    return "done", {"state": state}
