"""Request bodies: bounded, checked, and decoded straight into the handler's type."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Generator
from functools import cache
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import msgspec
from litestar import Request
from litestar.connection.base import empty_send
from litestar.dto import AbstractDTO, DTOFieldDefinition
from litestar.types import Empty
from litestar.typing import FieldDefinition
from litestar.utils.scope.state import ScopeState

from runyard.domain.errors import Invalid, TooLarge
from runyard.web.auth import header
from runyard.web.errors import Gone, Mistake, WrongType

MAX_DEPTH = 64

Decode = Callable[[bytes], Any]


class BodyRequest(Request[Any, Any, Any]):
    """A request that is made, and reads its body, in as few steps as it can: most come in one piece.

    Everything the framework would prepare for later is empty until it is asked for, its own state too.
    """

    is_connected = True
    supports_push_promise = False
    _server_extensions: Any = MappingProxyType({})
    _base_url: Any = Empty
    _url: Any = Empty
    _parsed_query: Any = Empty
    _cookies: Any = Empty
    _body: Any = Empty
    _form: Any = Empty
    _json: Any = Empty
    _msgpack: Any = Empty
    _content_type: Any = Empty
    _accept: Any = Empty
    _content_length: Any = Empty

    def __init__(self, scope: Any, receive: Any, send: Any = empty_send) -> None:
        self.scope, self.receive, self.send = scope, receive, send

    @property
    def _connection_state(self) -> ScopeState:  # type: ignore[override]
        return ScopeState.from_scope(self.scope)

    async def body(self) -> bytes:
        """The whole body. Raises `TooLarge` as soon as it is, and `Gone` when the client hangs up."""
        if self._body is not Empty:
            return self._body  # type: ignore[no-any-return]
        cap = self.route_handler.resolve_request_max_body_size()
        limit = cap if isinstance(cap, int) else sys.maxsize
        announced = header(self.scope, b"content-length")  # type: ignore[arg-type]
        if announced is not None and announced.isdigit() and int(announced) > limit:
            raise _too_large(limit)
        chunks: list[bytes] = []
        size = 0
        more = True
        while more:
            message: Any = await self.receive()
            if message["type"] == "http.disconnect":
                raise Gone
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > limit:
                raise _too_large(limit)
            chunks.append(chunk)
            more = message.get("more_body", False)
        self._body = body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        return body


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the body is larger than the {limit} bytes this path takes")


class JsonBody(AbstractDTO[Any]):
    """Decodes the `data` of every handler of an app from JSON, by the handler's own annotation."""

    def decode_bytes(self, value: bytes) -> Any:
        """The body as the handler's type. Raises `Invalid` or `WrongType`."""
        connection = self.asgi_connection
        check_type(connection.scope["headers"])
        field: FieldDefinition = connection.route_handler.parsed_data_field
        return decode(value, field.annotation)

    def data_to_encodable_type(self, data: Any) -> Any:
        """Replies are encoded elsewhere."""
        return data

    @classmethod
    def create_for_field_definition(
        cls, field_definition: FieldDefinition, handler_id: str, backend_cls: Any = None
    ) -> None:
        """Make the decoder now, so that a type that cannot be decoded fails at start."""
        if field_definition.name == "data":
            decoder_for(field_definition.annotation)

    @classmethod
    def generate_field_definitions(cls, model_type: type[Any]) -> Generator[DTOFieldDefinition, None, None]:
        """No model is transformed, so none has fields."""
        yield from ()

    @classmethod
    def detect_nested_field(cls, field_definition: FieldDefinition) -> bool:
        """No model is transformed, so none is nested."""
        return False


def check_type(headers: Any) -> None:
    """Make sure that the body is JSON; a body without a type counts as JSON. Raises `WrongType`."""
    for name, value in headers:
        if name != b"content-type":
            continue
        if value == b"application/json":
            return
        kind, _, parameters = value.decode("latin-1").lower().partition(";")
        kind = kind.strip()
        if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
            raise WrongType(f"bodies of type {kind!r} are not taken here; send Content-Type: application/json")
        charset = re.search(r"charset\s*=\s*\"?([^\s\";]+)", parameters)
        if charset and charset[1] not in {"utf-8", "utf8", "us-ascii"}:
            raise WrongType("JSON is UTF-8; send it without another charset")
        return


def decode(body: bytes, kind: Any) -> Any:
    """The JSON body as the type asked for. Raises `Invalid` that names each wrong place."""
    if not body.isascii():
        _check_text(body)
    if len(body) > MAX_DEPTH and body.count(b"[") + body.count(b"{") > MAX_DEPTH:
        check_depth(body)
    try:
        value = decoder_for(kind)(body)
    except msgspec.ValidationError as error:
        raise wrong_value(error) from None
    except msgspec.DecodeError as error:
        raise Invalid(f"the body is not valid JSON: {_lowered(str(error))}") from None
    if b"\\u0000" in body and _holds_nul(value):
        raise Invalid("a text holds the character U+0000, which cannot be stored; remove it")
    return value


def _check_text(body: bytes) -> None:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Invalid(f"the body is not valid UTF-8 at byte {error.start}") from None


@cache
def decoder_for(kind: Any) -> Decode:
    """A decoder for the type; of several structs the first one whose required fields are all there is meant."""
    members = get_args(kind) if get_origin(kind) in {UnionType, Union} else (kind,)
    structs = [member for member in members if _is_struct(member)]
    if len(structs) < 2:
        return msgspec.json.Decoder(kind).decode
    return _first_of([msgspec.json.Decoder(member).decode for member in structs], optional=NoneType in members)


def _is_struct(kind: Any) -> bool:
    return isinstance(get_origin(kind) or kind, type) and issubclass(get_origin(kind) or kind, msgspec.Struct)


def _first_of(decoders: list[Decode], *, optional: bool) -> Decode:
    def decode_first(body: bytes) -> Any:
        if optional and body.strip() == b"null":
            return None
        for decoder in decoders[:-1]:
            try:
                return decoder(body)
            except msgspec.ValidationError as error:
                text = str(error)
                if not text.startswith("Object missing required field") or " - at " in text:
                    raise
        return decoders[-1](body)

    return decode_first


_PLACE = re.compile(r"^(?P<what>.*?)(?: - at `(?P<place>.*)`)?$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]|\[\.\.\.\]")


def wrong_value(error: msgspec.ValidationError) -> Invalid:
    """The decoder's complaint with the place as a path."""
    match = _PLACE.match(str(error))
    what, place = (match["what"], match["place"] or "$") if match else (str(error), "$")
    mistake = Mistake(source="body", path=path_of(place), detail=what)
    where = f" at {mistake.pointer}" if mistake.path else ""
    return Invalid(f"the body is not as it should be{where}: {_lowered(what)}", mistakes=(mistake,))


def path_of(place: str) -> tuple[str | int, ...]:
    """msgspec's `$.runs[0].priority` as a path; the part below an unnamed key is left out."""
    path: list[str | int] = []
    for step in _STEP.finditer(place.removeprefix("key in ")):
        if step[1] is not None:
            path.append(step[1])
        elif step[2] is not None:
            path.append(int(step[2]))
        else:
            break
    return tuple(path)


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:] if not text.startswith("JSON") else text


_BRACKETS = bytes.maketrans(b"{}", b"[]")
_OTHER = bytes(set(range(256)) - set(b'[]{}"'))
_TEXT = re.compile(rb'"[^"]*"')


def check_depth(body: bytes, limit: int = MAX_DEPTH) -> None:
    """Make sure that no value is nested deeper than the limit, at the speed of C. Raises `Invalid`.

    Escapes go first, then everything but quotes and brackets, then the texts; what is left are brackets, of which
    each pass removes the innermost pairs. Text that is not JSON may come out wrong here; the decoder refuses it.
    """
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    brackets = body.translate(_BRACKETS, _OTHER).replace(b'""', b"")
    if b'"' in brackets:
        brackets = _TEXT.sub(b"", brackets)
    for _ in range(limit):
        inner = brackets.replace(b"[]", b"")
        if len(inner) == len(brackets):
            break
        brackets = inner
    if brackets.count(b"[") > limit or (brackets and brackets.count(b"[") == brackets.count(b"]")):
        raise Invalid(f"the body is nested deeper than {limit} levels")


def _holds_nul(value: Any) -> bool:
    """Whether a text anywhere in the decoded value holds NUL.

    Not looked into are payloads passed through unread, and fields a struct names in `printed`: what a program printed
    may hold anything, and the engine knows what to do about it.
    """
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_holds_nul(key) or _holds_nul(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return any(map(_holds_nul, value))
    if isinstance(value, msgspec.Struct):
        printed: tuple[str, ...] = getattr(value, "printed", ())
        return any(
            _holds_nul(found)
            for name in value.__struct_fields__
            if not (isinstance(found := getattr(value, name), str) and name in printed)
        )
    return False
