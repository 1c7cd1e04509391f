"""What both clients need to open a connection."""

from __future__ import annotations

from random import SystemRandom
from typing import Any
from urllib.parse import urlsplit

import httpx2

from runyard.sdk import credentials
from runyard.sdk.errors import Unreachable
from runyard.sdk.exchange import Patience, Reply, Request, Server

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def server(url: str | None, key: str | None, project: str | int | None) -> Server:
    """Where to go and as whom. Raises `ValueError` when the URL is not one of HTTP."""
    found = credentials.find(url, key, project=project)
    parts = urlsplit(found.url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{found.url!r} is not the URL of a Runyard server; it looks like http://127.0.0.1:8321")
    base = found.url.rstrip("/").removesuffix("/v1").removesuffix("/runyard")
    return Server(url=base, key=found.key, project=found.project)


def patience(retries: int) -> Patience:
    """How long a client tries."""
    return Patience(retries=retries, dice=SystemRandom().random)


def options(to: Server, *, timeout: float) -> dict[str, Any]:
    """What to open an HTTP client with."""
    parts = urlsplit(to.url)
    return {
        "timeout": httpx2.Timeout(timeout, connect=min(timeout, 10.0)),
        # A server on this machine is never reached through a proxy.
        "trust_env": parts.hostname not in LOOPBACK,
        # Reading the system's certificates takes a third of a second, which plain HTTP can do without.
        "verify": parts.scheme == "https",
    }


def arguments(request: Request) -> dict[str, Any]:
    """A request in the words of the HTTP library."""
    sent: dict[str, Any] = {"method": request.method, "url": request.url, "headers": request.headers}
    if request.query:
        sent["params"] = request.query
    if request.body is not None:
        sent["content"] = request.body
    if request.timeout is not None:
        sent["timeout"] = httpx2.Timeout(request.timeout, connect=min(request.timeout, 10.0))
    return sent


def reply(response: httpx2.Response) -> Reply:
    """An answer that was read to its end."""
    return Reply(response.status_code, response.headers, response.content)


def unreachable(to: Server, error: httpx2.TransportError) -> Unreachable:
    """What a failed connection means to the caller."""
    what = str(error) or type(error).__name__
    return Unreachable(f"No answer from {to.url}: {what}", code="unreachable", retryable=True)
