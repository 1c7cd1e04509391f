"""The short way to handlers that take no more than the call, the body and words of the path.

The framework resolves dependencies, models and hooks anew for every request, which costs several times what such a
handler itself needs. Here everything that does not change between requests is resolved once, from the framework's own
routes; what is not for this way (queries, odd paths, methods that are not there) takes the framework's.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from litestar import Litestar, Request, Response
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from runyard.domain.errors import Invalid
from runyard.streams.asgi import App, Receive, Scope, Send
from runyard.web.body import BodyRequest, check_type, decode
from runyard.web.errors import Mistake
from runyard.web.reply import Reply

Admit = Callable[[Request[Any, Any, Any]], Awaitable[None]]
Refuse = Callable[[Scope, Exception], App]


class _Stop:
    """A handler as it is called on the short way."""

    __slots__ = ("data", "fn", "handler", "has_default", "names", "status", "template", "wants_call")

    def __init__(self, handler: HTTPRouteHandler, template: str, names: tuple[str, ...]) -> None:
        parameters = inspect.signature(handler.fn).parameters
        field = handler.parsed_data_field
        self.handler = handler
        self.template = template
        self.names = names
        self.fn: Callable[..., Awaitable[Any]] = handler.fn
        self.wants_call = "call" in parameters
        self.data = None if field is None else field.annotation
        self.has_default = field is not None and not field.is_required
        self.status = int(handler.status_code)


class _Node:
    """What follows a part of a path."""

    __slots__ = ("any", "methods", "words")

    def __init__(self) -> None:
        self.words: dict[str, _Node] = {}
        self.any: _Node | None = None
        self.methods: dict[str, _Stop | None] | None = None
        """None for what takes the framework's way."""


class Express:
    """An ASGI callable in front of the framework's."""

    def __init__(self, app: Litestar, *, admit: Admit, refuse: Refuse) -> None:
        self.app: Any = app
        self.admit = admit
        self.refuse = refuse
        self.root = _Node()
        for route in app.routes:
            if isinstance(route, HTTPRoute):
                self._add(route)

    def _add(self, route: HTTPRoute) -> None:
        node = self.root
        for part in route.path_components:
            if isinstance(part, str):
                node = node.words.setdefault(part, _Node())
            else:
                node.any = node = node.any or _Node()
        names = tuple(part.name for part in route.path_components if not isinstance(part, str))
        node.methods = node.methods or {}
        for method, (handler, _) in route.route_handler_map.items():
            fits = method != "OPTIONS" and _fits(handler, names)
            node.methods[method] = _Stop(handler, route.path_format, names) if fits else None

    def find(self, scope: Scope) -> tuple[_Stop, dict[str, str]] | None:
        """The handler the request means, and the words of its path; None for the framework's way."""
        path: str = scope["path"]
        if scope["query_string"] or path[-1] == "/":
            return None
        node, values = self.root, []
        for word in path[1:].split("/"):
            following = node.words.get(word)
            if following is None:
                following = node.any
                if following is None or not word:
                    return None
                values.append(word)
            node = following
        stop = node.methods.get(scope["method"]) if node.methods is not None else None
        return (stop, dict(zip(stop.names, values, strict=True))) if stop is not None else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        found = self.find(scope)
        if found is None:
            await self.app(scope, receive, send)
            return
        stop, values = found
        scope["litestar_app"] = self.app
        scope["route_handler"] = stop.handler
        scope["path_template"] = stop.template
        scope["path_params"] = values
        try:
            reply = await self._answer(stop, values, scope, receive, send)
        except Exception as error:  # the framework would have caught it too
            reply = self.refuse(scope, error)
        await reply(scope, receive, send)

    async def _answer(self, stop: _Stop, values: dict[str, Any], scope: Scope, receive: Receive, send: Send) -> App:
        request = BodyRequest(scope, receive, send)
        await self.admit(request)
        if stop.data is not None:
            body = await request.body()
            if body:
                check_type(scope["headers"])
                values["data"] = decode(body, stop.data)
            elif not stop.has_default:
                mistake = Mistake(source="body", path=(), detail="a body is needed")
                raise Invalid("this path needs a JSON body; send at least {}", mistakes=[mistake])
        if stop.wants_call:
            values["call"] = scope["call"]
        answer = await stop.fn(**values)
        if not isinstance(answer, Response):
            answer = Reply(answer)
        known: dict[str, Any] = {"status_code": stop.status, "media_type": stop.handler.media_type}
        reply: App = answer.to_asgi_response(None, request, **known)
        return reply


def _fits(handler: HTTPRouteHandler, names: tuple[str, ...]) -> bool:
    fn = handler.fn
    known = {"call", "data", *names}
    kinds = handler.parsed_fn_signature.parameters
    return (
        inspect.iscoroutinefunction(fn)
        and set(inspect.signature(fn).parameters) <= known
        and all(kinds[name].annotation is str for name in names if name in kinds)
        and set(names) <= set(inspect.signature(fn).parameters)
    )
