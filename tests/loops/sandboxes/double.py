"""A stand-in for the server in a sandbox, started as a script: it is ready at once, and behaves as its argument says.

`idle` waits to be told to close; `stubborn` does not end when it is asked to; `hungry` takes more memory than it may;
`broken` ends each stream of events after one; `unready` never is; `hopeless` says that it failed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOW = sys.argv[1]
PORT = int(sys.argv[sys.argv.index("--port") + 1])
HELD = 70 << 20
"""Bytes that each of two hungry processes holds: neither has more than one may have."""


class Door(BaseHTTPRequestHandler):
    """Answers as a server in a sandbox does."""

    told = 0

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Health and events."""
        if self.path == "/health":
            readiness = {"unready": "starting", "hopeless": "failed"}.get(HOW, "ready")
            self.say({"status": "ok", "readiness": readiness, "failureCode": "no_agent"})
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        Door.told += 1
        event = {"type": "notification", "notification": {"method": "_test/told", "params": {"number": Door.told}}}
        self.wfile.write(b": open\r\n\r\ndata: %s\n\n: keepalive\n\ndata: no JSON\n\n" % json.dumps(event).encode())
        self.wfile.flush()
        if HOW != "broken":
            threading.Event().wait()

    def do_POST(self) -> None:
        """Commands."""
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.say({"jsonrpc": "2.0", "result": {}})
        if said["method"] == "close" and HOW != "stubborn":
            os._exit(0)

    def say(self, body: object) -> None:
        """Answer in JSON."""
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


if HOW == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
server = ThreadingHTTPServer(("127.0.0.1", PORT), Door)
if HOW == "hungry":
    os.fork()
    kept = b"x" * HELD
server.serve_forever()
