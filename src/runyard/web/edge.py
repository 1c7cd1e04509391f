"""The rim of a dialect: request ids, clean paths, limits by address, safe headers, metrics, and the last resort."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

import structlog
import uuid_utils

from runyard.domain.errors import DomainError, Invalid, NotFound
from runyard.streams.asgi import App, Header, Message, Receive, Scope, Send
from runyard.web.auth import header
from runyard.web.errors import Errors, understood
from runyard.web.limits import RateLimit
from runyard.web.metrics import Metrics

log = structlog.get_logger("runyard.web")

REQUEST_ID = re.compile(r"[A-Za-z0-9._:\-]{1,128}")
SAFE: dict[bytes, bytes] = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cache-control": b"no-store",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
}
_SAFE = list(SAFE.items())


def request_id(scope: Scope) -> str:
    """The caller's request id when it is a decent one, else a fresh one."""
    given = header(scope, b"x-request-id")
    if given is not None and REQUEST_ID.fullmatch(given):
        return given
    return uuid_utils.uuid7().hex


def check_path(scope: Scope) -> None:
    """Refuse what no path or query of ours holds: encoded slashes, NUL, text that is not UTF-8."""
    raw: bytes = scope.get("raw_path") or b""
    if b"%" in raw:
        lowered = raw.lower()
        if b"%2f" in lowered or b"%00" in lowered or not _is_text(raw):
            raise NotFound("there is nothing at this path; encoded slashes, NUL and bytes that are not UTF-8 fit none")
    query: bytes = scope["query_string"]
    if b"%" in query and (b"%00" in query or not _is_text(query)):
        raise Invalid("the query holds NUL or bytes that are not UTF-8")


def _is_text(raw: bytes) -> bool:
    try:
        unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def safe_headers(given: Iterable[Header], request_id: str, extra: Iterable[Header]) -> list[Header]:
    """The reply's headers with the request id and the safe defaults for what it does not say itself."""
    said = dict(given).keys()
    left = _SAFE if said.isdisjoint(SAFE) else [one for one in _SAFE if one[0] not in said]
    return [*given, *left, (b"x-request-id", request_id.encode("ascii")), *extra]


class Edge:
    """An ASGI callable around a dialect's app."""

    def __init__(
        self, app: App, *, prefix: str, errors: Errors, per_ip: RateLimit, metrics: Metrics | None = None
    ) -> None:
        self.app = app
        self.prefix = prefix
        self.errors = errors
        self.per_ip = per_ip
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; no input makes this raise, unless the reply has begun already."""
        started = time.perf_counter()
        scope["mount"] = self.prefix
        scope["request_id"] = rid = request_id(scope)
        scope["quota"] = None
        begun = False

        async def guarded(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                quota = scope["quota"]
                message["headers"] = safe_headers(message["headers"], rid, quota.headers() if quota is not None else ())
                if self.metrics is not None:
                    template = scope.get("path_template")
                    route = "unmatched" if template is None else self.prefix + template
                    seconds = time.perf_counter() - started
                    self.metrics.answered(str(scope["method"]), route, message["status"], seconds=seconds)
            await send(message)

        try:
            check_path(scope)
            client = scope.get("client")
            scope["quota"] = self.per_ip.take(client[0] if client else "")
            await self.app(scope, receive, guarded)
        except DomainError as error:
            scope["quota"] = error.extra.get("quota") or scope["quota"]
            await self.errors.reply(error, rid)(scope, receive, guarded)
        except Exception as error:
            log.error("request.failed", request_id=rid, method=scope["method"], path=scope["path"], exc_info=error)
            if begun:
                raise
            await self.errors.reply(understood(error), rid)(scope, receive, guarded)
        finally:
            # A call knows its request, and that its scope: without this link between the two all of them are freed at
            # once, and not when the collector comes by, which would have two dozen objects of each request to look at.
            scope.pop("call", None)
