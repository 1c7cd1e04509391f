"""From routes to one ASGI callable: an app for each dialect, and the outer one that picks among them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import msgspec
import structlog
from litestar import Litestar, Request, get
from litestar.di import Provide
from litestar.exceptions import MethodNotAllowedException
from litestar.handlers import HTTPRouteHandler
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin
from litestar.routes import HTTPRoute
from litestar.types import ControllerRouterHandler
from litestar.types import Scope as TypedScope
from litestar.utils.path import normalize_path

from runyard.domain.errors import NotFound
from runyard.storage.port import Store
from runyard.streams.asgi import App, Receive, Scope, Send
from runyard.web import docs, health, openapi
from runyard.web.auth import Authenticate, header, require
from runyard.web.body import BodyRequest, JsonBody
from runyard.web.call import Call
from runyard.web.edge import Edge, request_id, safe_headers
from runyard.web.errors import Broken, Errors, Gone, WrongMethod, understood
from runyard.web.express import Express
from runyard.web.health import Readiness
from runyard.web.limits import RateLimit
from runyard.web.metrics import CONTENT_TYPE, Metrics
from runyard.web.problems import PROBLEMS
from runyard.web.reply import Reply, Sent, Streamed

log = structlog.get_logger("runyard.web")

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


class Plumbing(msgspec.Struct, frozen=True, kw_only=True):
    """What all dialects of a server share."""

    store: Store
    metrics: Metrics
    per_key: RateLimit = RateLimit("key", 0)
    per_ip: RateLimit = RateLimit("address", 0)
    max_body: int = 8 << 20


def dialect_app(
    prefix: str,
    handlers: Sequence[ControllerRouterHandler],
    *,
    plumbing: Plumbing,
    authenticate: Authenticate,
    errors: Errors,
    about: openapi.About,
) -> App:
    """An app of its own for a dialect: its keys, its errors, its document and docs.

    Every handler is for callers with a key; `needs="scope"` on its decorator asks for a scope, and `public=True` lets
    anybody in (there is no `call` then). The app sees paths without the prefix.
    """

    async def admit(request: Request[Any, Any, Any]) -> None:
        scope: Any = request.scope
        route: HTTPRouteHandler = scope["route_handler"]
        if route.opt.get("public") or scope["method"] == "OPTIONS":
            return
        identity = await authenticate(scope)
        needs = route.opt.get("needs")
        if needs is not None:
            require(identity, (needs,) if isinstance(needs, str) else needs)
        if identity.key is not None:
            scope["quota"] = plumbing.per_key.take(identity.key.id) or scope["quota"]
        scope["call"] = Call(request, plumbing.store, identity, scope["request_id"])

    def refuse(request: Request[Any, Any, Any], error: Exception) -> Streamed:
        scope: Any = request.scope
        return Streamed(_refusal(scope, error, app, errors))

    async def routes() -> list[HTTPRoute]:
        return await inner.routes()

    document = openapi.Document(routes, prefix=prefix, about=about, errors=errors)
    app = _Framework(
        [],
        before_request=admit,
        dependencies={"call": Provide(_call, sync_to_thread=False)},
        dto=JsonBody,
        return_dto=None,
        exception_handlers={Exception: refuse},
        request_class=BodyRequest,
        response_class=Reply,
        request_max_body_size=plumbing.max_body,
        openapi_config=None,
        logging_config=None,
    )
    inner = Express(
        app,
        [*handlers, *_documents(document)],
        admit=admit,
        refuse=lambda scope, error: _refusal(scope, error, app, errors),
    )
    return Edge(inner, prefix=prefix, errors=errors, per_ip=plumbing.per_ip, metrics=plumbing.metrics)


class _Framework(Litestar):
    """The framework for models of msgspec alone."""

    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        # The others import pydantic and attrs where they are installed, which takes a tenth of the start of a server.
        return [*plugins, MsgspecDIPlugin()]


def _call(scope: TypedScope) -> Call:
    return scope["call"]  # type: ignore[typeddict-item, no-any-return]


def _refusal(scope: Scope, error: Exception, app: Litestar, errors: Errors) -> Sent:
    """The reply to whatever was raised while a request was served."""
    known = WrongMethod(allow=_allowed(app, scope["path"])) if _is_wrong_method(error) else understood(error)
    rid = scope["request_id"]
    scope["quota"] = known.extra.get("quota") or scope["quota"]
    if isinstance(known, Broken):
        log.error("request.failed", request_id=rid, method=scope["method"], path=scope["path"], exc_info=error)
    elif isinstance(known, Gone):
        log.debug("request.abandoned", request_id=rid, path=scope["path"])
    return errors.reply(known, rid)


def _is_wrong_method(error: Exception) -> bool:
    return isinstance(error, MethodNotAllowedException)


def _allowed(app: Litestar, path: str) -> list[str]:
    """The methods a path takes, found by asking the router for each."""
    found = []
    for method in METHODS:
        try:
            app.asgi_router.handle_routing(path=normalize_path(path), method=method)
        except Exception:  # noqa: S112 (the router says no in several ways)
            continue
        found.append(method)
    return found


def _documents(document: openapi.Document) -> list[HTTPRouteHandler]:
    @get("/openapi.json", public=True, include_in_schema=False)
    async def openapi_json() -> Reply[bytes]:
        return Reply(await document.encoded(), headers=[(b"cache-control", b"no-cache")])

    @get("/docs", public=True, include_in_schema=False)
    async def docs_page() -> Reply[bytes]:
        page = docs.page(await document.content())
        return Reply(page, media_type="text/html; charset=utf-8", headers=docs.HEADERS)

    return [openapi_json, docs_page]


# -- the outer app ------------------------------------------------------------------------------------------------

Lifespan = Callable[[], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def _nothing() -> AsyncIterator[None]:
    yield


def at_root(path: str, key: str) -> str | None:
    """The mount that answers a path which names none: every documented path also works at the root.

    The key's prefix only picks among dialects that share a path; it grants nothing.
    """
    first, _, rest = path[1:].partition("/")
    second = rest.partition("/")[0]
    if first == "api":
        if second in {"projects", "environments", "users"}:
            return "posthog"
        return "bamboosnow" if second == "v1" else "agh"
    if first == "v1":
        return "bamboosnow" if key.startswith("bs_") else "strait"
    return "strait" if first in {"sdk", "health"} else None


def compose(
    mounts: Mapping[str, App],
    *,
    readiness: Readiness,
    metrics: Metrics,
    lifespan: Lifespan = _nothing,
) -> App:
    """The whole server as one ASGI callable: the first segment of a path names the mount."""
    pages: dict[str, Callable[[str], Any]] = {
        "/livez": lambda rid: health.live(),
        "/readyz": readiness.reply,
        "/metrics": lambda rid: Sent(200, metrics.page(), CONTENT_TYPE),
        "/docs": lambda rid: docs.index(sorted(mounts)),
        "/": lambda rid: Sent(307, b"", headers=[(b"location", b"/console" if "console" in mounts else b"/docs")]),
    }

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(lifespan, receive, send)
            return
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000, "reason": ""})
            return
        path: str = scope["path"]
        name = path[1:].partition("/")[0]
        app = mounts.get(name)
        if app is not None:
            await app(_below(scope, len(name) + 1), receive, send)
            return
        page = pages.get(path)
        if page is None:
            app = mounts.get(at_root(path, _key(scope)) or "")
            if app is not None:
                await app(_below(scope, 0), receive, send)
                return
        await _page(page, scope, receive, send)

    return serve


def _below(scope: Scope, cut: int) -> Scope:
    """The scope as a mounted app sees it."""
    raw: bytes = scope.get("raw_path") or b""
    return {**scope, "path": scope["path"][cut:] or "/", "raw_path": raw[cut:] or b"/", "root_path": ""}


def _key(scope: Scope) -> str:
    return (header(scope, b"authorization") or "").partition(" ")[2].strip()


async def _page(page: Callable[[str], Any] | None, scope: Scope, receive: Receive, send: Send) -> None:
    rid = request_id(scope)
    if page is None:
        reply = PROBLEMS.reply(NotFound("there is nothing at this path; /docs lists what there is"), rid)
    elif scope["method"] not in {"GET", "HEAD"}:
        reply = PROBLEMS.reply(WrongMethod(allow=["GET", "HEAD"]), rid)
    else:
        answer = page(rid)
        reply = answer if isinstance(answer, Sent) else await answer
    reply.headers = safe_headers(reply.headers, rid, [])
    await reply(scope, receive, send)


async def _live(lifespan: Lifespan, receive: Receive, send: Send) -> None:
    """Speak the ASGI lifespan protocol around the given context."""
    await receive()
    started = False
    try:
        async with lifespan():
            await send({"type": "lifespan.startup.complete"})
            started = True
            await receive()
    except BaseException as error:
        kind = "lifespan.shutdown.failed" if started else "lifespan.startup.failed"
        await send({"type": kind, "message": str(error)})
        raise
    await send({"type": "lifespan.shutdown.complete"})
