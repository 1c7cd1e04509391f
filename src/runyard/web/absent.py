"""What stands in the place of a dialect that this server does not speak."""

from __future__ import annotations

from runyard.domain.errors import NotFound
from runyard.streams.asgi import App, Receive, Scope, Send
from runyard.web.edge import Edge
from runyard.web.errors import Errors
from runyard.web.server import Plumbing


def absent(prefix: str, *, plumbing: Plumbing, errors: Errors) -> App:
    """An app that answers every path with 404, in the shape its callers can read."""

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        raise NotFound(f"this server does not serve {prefix}; /docs lists the APIs that it does")

    return Edge(refuse, prefix=prefix, errors=errors, per_ip=plumbing.per_ip, metrics=plumbing.metrics)
