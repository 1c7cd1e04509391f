"""One request of the API as a value: what to send and the shape of the answer. Everything here is pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import msgspec

from runyard.sdk.errors import BadReply
from runyard.sdk.models import Page

T = TypeVar("T")
U = TypeVar("U")
Query = tuple[tuple[str, str], ...]

encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[T]):
    """What to send, the shape of the answer, and what of it is meant (`then`; all of it when None)."""

    method: str
    path: str
    shape: Any
    then: Callable[[Any], T] | None = None
    query: Query = ()
    body: bytes | None = None
    content_type: str = "application/json"
    headers: Query = ()
    # Safe to send again without an idempotency key.
    repeatable: bool = False
    timeout: float | None = None

    def into(self, shape: type[U]) -> Call[U]:
        """The same call, its answer read into another shape."""
        return replace(self, shape=shape)  # type: ignore[return-value]

    def read(self, body: bytes) -> T:
        """The answer. Raises `BadReply` when it does not have the shape."""
        if self.shape is None or self.shape is bytes:
            return body if self.shape is bytes else None  # type: ignore[return-value]
        try:
            answer = _decoder(self.shape).decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise BadReply(f"{self.method} {self.path} was answered in an unknown shape: {error}") from error
        return answer if self.then is None else self.then(answer)


@lru_cache(maxsize=256)
def _decoder(shape: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(shape)


def get(path: str, shape: type[T], query: Query = ()) -> Call[T]:
    """A read."""
    return Call(method="GET", path=path, shape=shape, query=query)


def send(method: str, path: str, shape: type[T] | None, body: object = None, query: Query = ()) -> Call[T]:
    """A write with a JSON body; None sends none."""
    return Call(method=method, path=path, shape=shape, query=query, body=None if body is None else encode(body))


def page_at(call: Call[Page[T]], cursor: str) -> Call[Page[T]]:
    """The page of the same list that begins at the cursor."""
    return replace(call, query=(*(item for item in call.query if item[0] != "cursor"), ("cursor", cursor)))


def segment(value: object) -> str:
    """A value as one segment of a path."""
    text = str(value)
    if text in {"", ".", ".."}:
        raise ValueError(f"{text!r} cannot be part of a path")
    return quote(text, safe="")


def query(**fields: Any) -> Query:
    """The fields that are not None, as query parameters; lists repeat the name."""
    pairs: list[tuple[str, str]] = []
    for name, value in fields.items():
        values = value if isinstance(value, (list, tuple, set, frozenset)) else (value,)
        pairs.extend((name, _text(item)) for item in values if item is not None)
    return tuple(pairs)


def words(value: str | Iterable[str] | None) -> str | None:
    """One word or many, joined by commas."""
    return value if value is None or isinstance(value, str) else ",".join(value)


def present(**fields: Any) -> dict[str, Any]:
    """The fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dt.datetime):
        return encode(value).decode().strip('"')
    return str(value)
