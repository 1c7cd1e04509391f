"""A stand-in for Slack's Web API on loopback: it keeps what was said, and fails when it is told to."""

from __future__ import annotations

import json
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

Said = dict[str, str]


class Workspace:
    """What stands in a workspace's threads."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Said]] = []
        self.failures: deque[tuple[int, dict[str, Any], dict[str, str]]] = deque()
        """What the next calls are refused with: status, body, headers."""
        self.messages: dict[str, Said] = {}
        self.reactions: set[tuple[str, str]] = set()
        self._lock = threading.Lock()
        workspace = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers.get("content-length", 0)))
                said = {name: values[-1] for name, values in parse_qs(raw.decode()).items()}
                if self.headers.get("content-type", "").startswith("application/json"):
                    said = json.loads(raw)
                status, answer, headers = workspace.answer(self.path.rpartition("/")[2], said)
                body = json.dumps(answer).encode()
                self.send_response(status)
                for name, value in {"content-type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *words: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/api/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()

    @property
    def texts(self) -> list[str]:
        """What the messages say, oldest first."""
        return [message["text"] for message in self.messages.values()]

    def answer(self, method: str, said: Said) -> tuple[int, dict[str, Any], dict[str, str]]:
        """What is answered to a call."""
        with self._lock:
            self.calls.append((method, said))
            if self.failures:
                return self.failures.popleft()
            match method:
                case "chat.postMessage":
                    ts = f"{len(self.calls)}.000100"
                    self.messages[ts] = said
                    return 200, {"ok": True, "ts": ts, "channel": said["channel"]}, {}
                case "chat.update" if said["ts"] in self.messages:
                    self.messages[said["ts"]]["text"] = said["text"]
                case "chat.delete" if said["ts"] in self.messages:
                    del self.messages[said["ts"]]
                case "reactions.add" if (said["timestamp"], said["name"]) not in self.reactions:
                    self.reactions.add((said["timestamp"], said["name"]))
                case "reactions.add":
                    return 200, {"ok": False, "error": "already_reacted"}, {}
                case _:
                    return 200, {"ok": False, "error": "message_not_found"}, {}
            return 200, {"ok": True, "ts": said.get("ts", "")}, {}
