"""The short way to handlers that take no more than the call, words of the path, and either the body or the query.

The framework resolves dependencies, models and hooks anew for every request, which costs several times what such a
handler itself needs. Here everything that does not change between requests is resolved once, from the framework's own
routes, and its own model reads the query; what is not for this way (odd paths, methods that are not there, queries
nobody asked for) takes the framework's. It comes to know the routes of a path when that is first asked for.
"""

from __future__ import annotations

import asyncio
import inspect
import warnings
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from litestar import Litestar, Request, Response
from litestar._kwargs import KwargsModel
from litestar.exceptions import NotFoundException
from litestar.exceptions.base_exceptions import LitestarDeprecationWarning
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from litestar.types import ControllerRouterHandler
from litestar.utils.path import normalize_path

from runyard.domain.errors import Invalid
from runyard.streams.asgi import App, Receive, Scope, Send
from runyard.web.body import BodyRequest, check_type, decode
from runyard.web.errors import Mistake
from runyard.web.paths import Paths, Place
from runyard.web.reply import JSON, Reply

Admit = Callable[[Request[Any, Any, Any]], Awaitable[None]]
Refuse = Callable[[Scope, Exception], App]
RESERVED = frozenset({"body", "cookies", "data", "headers", "query", "request", "scope", "socket", "state"})
"""Arguments by which handlers ask the framework for more."""


class _Stop:
    """A handler as it is called on the short way."""

    __slots__ = (
        "data",
        "fn",
        "handler",
        "has_default",
        "is_async",
        "kind",
        "names",
        "query",
        "status",
        "template",
        "wants_call",
    )

    def __init__(
        self, handler: HTTPRouteHandler, template: str, names: tuple[str, ...], query: KwargsModel | None
    ) -> None:
        parameters = inspect.signature(handler.fn).parameters
        field = handler.parsed_data_field
        self.handler = handler
        self.template = template
        self.names = names
        self.query = query
        """What reads the query, where the handler asks for any."""
        self.fn: Callable[..., Any] = handler.fn
        self.is_async = inspect.iscoroutinefunction(handler.fn)
        self.wants_call = "call" in parameters
        self.data = None if field is None else field.annotation
        self.has_default = field is not None and not field.is_required
        self.status = int(handler.status_code)
        media_type = handler.media_type
        self.kind: bytes = getattr(media_type, "value", media_type).encode("ascii") or JSON


class Express:
    """An ASGI callable in front of the framework's, which is given no routes but those of `handlers`."""

    def __init__(
        self, app: Litestar, handlers: Iterable[ControllerRouterHandler], *, admit: Admit, refuse: Refuse
    ) -> None:
        self.app = app
        self.admit = admit
        self.refuse = refuse
        self._paths = Paths(handlers)
        self._stops: dict[Place, dict[str, _Stop | None]] = {}
        self._known: set[HTTPRouteHandler] = set()

    async def routes(self) -> list[HTTPRoute]:
        """Every route, in the order of the handlers; requests are answered while the framework gets to know them.

        Raises what is wrong with a route.
        """
        for place in self._paths.places:
            if place not in self._stops:
                self._know(place)
                await asyncio.sleep(0)
        known = {route.path: route for route in self.app.routes if isinstance(route, HTTPRoute)}
        return [known[path] for path in self._paths.declared]

    def _know(self, place: Place) -> dict[str, _Stop | None]:
        """The ways to the handlers of a place, by method: None for what takes the framework's."""
        with warnings.catch_warnings():
            # Litestar 3 will ask for a marker on every argument. We are held below 3, and our arguments are plain by
            # their names: `call`, `data`, those in the path, and the query for the rest.
            warnings.simplefilter("ignore", LitestarDeprecationWarning)
            for handler in place.handlers:
                if handler not in self._known:
                    self.app.register(handler)
                    self._known.add(handler)
        stops: dict[str, _Stop | None] = {
            str(method): _stop(route, str(method), handler, model)
            for route in self.app.routes
            if isinstance(route, HTTPRoute) and route.path in place.paths
            for method, (handler, model) in route.route_handler_map.items()
        }
        self._stops[place] = stops
        return stops

    def _find(self, scope: Scope) -> tuple[_Stop, dict[str, str]] | None:
        """The handler the request means, and the words of its path; None for the framework's way.

        Raises `NotFoundException` where there is nothing.
        """
        path: str = scope["path"]
        tidy = path[-1] != "/" and "//" not in path
        found = self._paths.find(path if tidy else normalize_path(path))
        if found is None:
            raise NotFoundException
        place, values = found
        stops = self._stops.get(place) or self._know(place)
        stop = stops.get(scope["method"]) if tidy else None
        if stop is None or (stop.query is None and scope["query_string"]):
            return None
        return stop, dict(zip(stop.names, values, strict=True))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        try:
            found = self._find(scope)
        except Exception as error:  # the framework would have caught it too
            await self.refuse(scope, error)(scope, receive, send)
            return
        if found is None:
            await self.app(scope, receive, send)  # type: ignore[arg-type]
            return
        stop, values = found
        scope["litestar_app"] = self.app
        scope["route_handler"] = stop.handler
        scope["path_template"] = stop.template
        scope["path_params"] = {**values}
        try:
            reply = await self._answer(stop, values, scope, receive, send)
        except Exception as error:  # this too
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
        if stop.query is not None:
            values = await stop.query.to_kwargs(request)
        if stop.wants_call:
            values["call"] = scope["call"]
        if stop.query is not None:
            values = stop.handler.signature_model.parse_values_from_connection_kwargs(request, values)
        answer = stop.fn(**values)
        if stop.is_async:
            answer = await answer
        if not isinstance(answer, Response):
            return Reply(answer).sent(stop.status, stop.kind)
        if isinstance(answer, Reply):
            return answer.sent(stop.status, stop.kind)
        known: dict[str, Any] = {"status_code": stop.status, "media_type": stop.handler.media_type}
        reply: Any = answer.to_asgi_response(None, request, **known)
        return reply  # type: ignore[no-any-return]


def _stop(route: HTTPRoute, method: str, handler: HTTPRouteHandler, model: KwargsModel) -> _Stop | None:
    parts = [part for part in route.path_components if not isinstance(part, str)]
    names = tuple(part.name for part in parts)
    asked = set(inspect.signature(handler.fn).parameters)
    kinds = handler.parsed_fn_signature.parameters
    is_plain = (
        method != "OPTIONS"
        and (inspect.iscoroutinefunction(handler.fn) or handler.sync_to_thread is False)
        # Of a parameter that takes the rest of the path only its first word is known here.
        and all(part.type is str for part in parts)
        and all(kinds[name].annotation is str for name in names if name in kinds)
        and set(names) <= asked
    )
    if is_plain and asked <= {"call", "data", *names}:
        return _Stop(handler, route.path_format, names, None)
    if is_plain and asked.isdisjoint(RESERVED):
        return _Stop(handler, route.path_format, names, model)
    return None
