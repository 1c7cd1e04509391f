"""A server that speaks as much of OSV's API as the auditor asks for, on loopback."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

JINJA: dict[str, Any] = {
    "id": "GHSA-cpwx-vrp4-4pq7",
    "summary": "Jinja2 sandbox breakout",
    "aliases": ["CVE-2025-27516"],
    "affected": [
        {
            "package": {"ecosystem": "PyPI", "name": "jinja2"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.1.6"}]}],
            "versions": ["3.1.5"],
        }
    ],
}
LODASH: dict[str, Any] = {
    "id": "GHSA-jf85-cpcp-j695",
    "summary": "Prototype pollution in lodash",
    "aliases": ["CVE-2019-10744"],
    "database_specific": {"severity": "MODERATE"},
    "affected": [
        {
            "package": {"ecosystem": "npm", "name": "lodash"},
            "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "4.17.12"}]}],
        }
    ],
}
KNOWN = {("PyPI", "jinja2", "3.1.5"): JINJA, ("npm", "lodash", "4.17.11"): LODASH}


class Osv(ThreadingHTTPServer):
    """`paged` makes every batch come in two pages; `status` is what it answers with."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []
        self.status = 200
        self.paged = False
        self.says = b""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Osv

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        self._answer(next(record for record in KNOWN.values() if record["id"] == name))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/v1/query":
            found = self._known(body)
            self._answer({"vulns": [found]} if found else {})
            return
        results: list[dict[str, Any]] = []
        for query in body["queries"]:
            if self.server.paged and not query.get("page_token"):
                results.append({"next_page_token": "more"})
            else:
                found = self._known(query)
                results.append({"vulns": [{"id": found["id"], "modified": "2025-01-01T00:00:00Z"}]} if found else {})
        self._answer({"results": results})

    def _known(self, query: dict[str, Any]) -> dict[str, Any] | None:
        package = query["package"]
        return KNOWN.get((package["ecosystem"], package["name"], query["version"]))

    def _answer(self, content: object) -> None:
        self.server.asked.append(self.path)
        text = self.server.says or json.dumps(content).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *arguments: object) -> None:
        """Keep quiet."""


@contextmanager
def osv() -> Iterator[Osv]:
    server = Osv()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
