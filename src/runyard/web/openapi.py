"""An OpenAPI 3.1 document of a dialect, made from its handlers; nothing is said twice."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import HeaderParameter, ParameterKwarg
from litestar.routes import HTTPRoute
from litestar.typing import FieldDefinition

from runyard.web.errors import Errors
from runyard.web.listed import Listed
from runyard.web.problems import Problem
from runyard.web.reply import Reply, Streamed
from runyard.web.schemas import Schema, Schemas

OURS = frozenset({"call", "request", "scope", "state", "headers", "query", "body", "cookies", "self"})
ALWAYS = (400, 401, 403, 404, 405, 429, 500, 503)
WITH_BODY = (409, 413, 415)
JSON = "application/json"


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What a dialect's document says of itself, and the type of its error bodies."""

    title: str
    version: str
    description: str
    error: Any = Problem
    headers: Mapping[str, str] = {}
    """Headers that every call with a key may send, with what they mean."""


class Document:
    """A dialect's document, made when somebody first asks."""

    def __init__(
        self, routes: Callable[[], Awaitable[Sequence[HTTPRoute]]], *, prefix: str, about: About, errors: Errors
    ) -> None:
        self._routes = routes
        self.prefix = prefix
        self.about = about
        self.errors = errors

        self._content: dict[str, Any] | None = None
        self._encoded: bytes | None = None

    async def encoded(self) -> bytes:
        """The document as JSON."""
        if self._encoded is None:
            self._encoded = msgspec.json.encode(await self.content())
        return self._encoded

    async def content(self) -> dict[str, Any]:
        """The document."""
        if self._content is None:
            self._content = self._made(await self._routes())
        return self._content

    def _made(self, routes: Sequence[HTTPRoute]) -> dict[str, Any]:
        schemas = Schemas()
        failures = self._failures(schemas)
        paths: dict[str, dict[str, Any]] = {}
        for route in routes:
            for handler in route.route_handlers:
                if handler.resolve_include_in_schema():
                    for method in sorted(handler.http_methods):
                        operation = self._operation(route, handler, str(method), schemas)
                        paths.setdefault(route.path_format, {})[str(method).lower()] = operation
        return {
            "openapi": "3.1.0",
            "info": {
                "title": self.about.title,
                "version": self.about.version,
                "description": self.about.description,
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": self.prefix}],
            "security": [{"key": []}],
            "paths": dict(sorted(paths.items())),
            "components": {
                "schemas": dict(sorted(schemas.named.items())),
                "responses": failures,
                "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "An API key."}},
            },
        }

    def _failures(self, schemas: Schemas) -> dict[str, Any]:
        """One shared response for each status an error can have."""
        media_type = self.errors.media_type.decode("ascii").partition(";")[0]
        schema = schemas.of(self.about.error)
        statuses = sorted({status for status, _ in self.errors.table.values()})
        return {
            f"E{status}": {
                "description": HTTPStatus(status).phrase,
                "content": {media_type: {"schema": schema}},
            }
            for status in statuses
        }

    def _operation(self, route: HTTPRoute, handler: HTTPRouteHandler, method: str, schemas: Schemas) -> dict[str, Any]:
        signature = handler.parsed_fn_signature
        public = bool(handler.opt.get("public"))
        stored = _is_reply(signature.return_type.annotation) and handler.opt.get("stored", True)
        parameters = list(self._parameters(route, signature.parameters, schemas))
        if not public:
            parameters += [_header(name, text) for name, text in self.about.headers.items()]
        if stored and method != "GET":
            parameters.append(_header("Idempotency-Key", "Repeats with the same key get the first answer again.", 255))
        body = self._body(handler, schemas)
        statuses = {*ALWAYS, *handler.opt.get("refuses", ())}
        if body is not None or method != "GET":
            statuses |= {*WITH_BODY}
        if stored:
            statuses.add(422)
        known = {status for status, _ in self.errors.table.values()}
        doc = inspect.getdoc(handler.fn) or ""
        operation: dict[str, Any] = {
            "operationId": handler.operation_id or handler.handler_name,
            "summary": doc.partition("\n")[0],
            "tags": sorted(handler.tags or [_tag(route.path_format)]),
            "parameters": parameters,
            "responses": {
                **self._successes(handler, schemas),
                **{str(status): {"$ref": f"#/components/responses/E{status}"} for status in sorted(statuses & known)},
            },
        }
        if body is not None:
            operation["requestBody"] = body
        if public:
            operation["security"] = []
        if "needs" in handler.opt:
            operation["x-scope"] = handler.opt["needs"]
        return operation

    def _parameters(
        self, route: HTTPRoute, fields: Mapping[str, FieldDefinition], schemas: Schemas
    ) -> Iterable[dict[str, Any]]:
        for name, field in fields.items():
            if name in OURS or name == "data":
                continue
            kwarg = field.kwarg_definition if isinstance(field.kwarg_definition, ParameterKwarg) else None
            place = "path" if name in route.path_parameters else "query"
            if isinstance(kwarg, HeaderParameter):
                place = "header"
            found: dict[str, Any] = {
                "name": (kwarg.name if kwarg else None) or name,
                "in": place,
                "required": place == "path" or (field.is_required and not field.is_optional),
                "schema": _parameter_schema(field, kwarg, schemas),
            }
            if kwarg is not None and kwarg.description:
                found["description"] = kwarg.description
            yield found

    def _body(self, handler: HTTPRouteHandler, schemas: Schemas) -> dict[str, Any] | None:
        consumes = handler.opt.get("consumes")
        if consumes is not None:
            return {"required": True, "content": {consumes: {"schema": {}}}}
        # Read by the handler itself, where the order of checks asks for it.
        by_hand = handler.opt.get("body")
        if by_hand is not None:
            return {"required": False, "content": {JSON: {"schema": schemas.of(by_hand)}}}
        field = handler.parsed_data_field
        if field is None:
            return None
        required = not field.is_optional and field.is_required
        return {"required": required, "content": {JSON: {"schema": schemas.of(field.annotation)}}}

    def _successes(self, handler: HTTPRouteHandler, schemas: Schemas) -> dict[str, Any]:
        content = _contents(handler.parsed_fn_signature.return_type.annotation, handler.opt.get("produces"), schemas)
        statuses = [int(handler.status_code), *handler.opt.get("also", ())]
        return {
            str(status): {
                "description": HTTPStatus(status).phrase,
                **({"content": content} if content and status != 204 else {}),
            }
            for status in sorted(statuses)
        }


def _contents(kind: Any, produces: Any, schemas: Schemas) -> dict[str, Any]:
    """The bodies a handler may answer with, by media type: JSON by its annotation, and streams.

    `produces` is for those who send the body piece by piece: its media type, or the type of its JSON.
    """
    if isinstance(produces, str):
        return {produces: {"schema": {"type": "string"}}}
    if produces is not None:
        return {JSON: {"schema": schemas.of(produces)}}
    content: dict[str, Any] = {}
    for member in get_args(kind) if get_origin(kind) in {UnionType, Union} else (kind,):
        if isinstance(member, type) and issubclass(member, Streamed):
            content["text/event-stream"] = {"schema": {"type": "string"}}
        elif get_origin(member) is Listed:
            content[JSON] = {"schema": schemas.of(get_args(member)[0])}
        elif member not in {None, NoneType}:
            shape = (*get_args(member), Any)[0] if _is_reply(member) else member
            content[JSON] = {"schema": schemas.of(shape)}
    return content


def _is_reply(kind: Any) -> bool:
    origin = get_origin(kind) or kind
    return isinstance(origin, type) and issubclass(origin, Response) and issubclass(origin, Reply)


def _tag(path: str) -> str:
    """What a path is about: its first word that is not a version."""
    words = [word for word in path.split("/") if word and not word.startswith("{")]
    return next((word for word in words if word not in {"v1", "api"}), "root")


def _header(name: str, text: str, max_length: int = 128) -> dict[str, Any]:
    schema = {"type": "string", "minLength": 1, "maxLength": max_length}
    return {"name": name, "in": "header", "required": False, "description": text, "schema": schema}


def _without_none(field: FieldDefinition) -> Any:
    kinds = [inner for inner in get_args(field.annotation) if inner is not NoneType]
    if not kinds:
        return field.annotation
    union = kinds[0]
    for kind in kinds[1:]:
        union = union | kind
    return union


def _parameter_schema(field: FieldDefinition, kwarg: ParameterKwarg | None, schemas: Schemas) -> Schema:
    schema = schemas.of(_without_none(field) if field.is_optional else field.annotation)
    if kwarg is not None:
        bounds = {
            "minimum": kwarg.ge,
            "exclusiveMinimum": kwarg.gt,
            "maximum": kwarg.le,
            "exclusiveMaximum": kwarg.lt,
            "minLength": kwarg.min_length,
            "maxLength": kwarg.max_length,
            "minItems": kwarg.min_items,
            "maxItems": kwarg.max_items,
            "pattern": kwarg.pattern,
            "format": kwarg.format,
        }
        said = kwarg.schema_extra or {}
        schema = {**schema, **{name: bound for name, bound in bounds.items() if bound is not None}, **said}
    if isinstance(field.default, bool | int | float | str):
        schema = {**schema, "default": field.default}
    return schema
