"""What every answer is made of, and a page of them."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Raw

T = TypeVar("T")

NULL = Raw(b"null")


def value_of(raw: Raw) -> Any:
    """What the text says."""
    return msgspec.json.decode(raw)


class Model(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A record of the API."""


class Page(Model, Generic[T], frozen=True, kw_only=True):
    """One page of a list."""

    data: list[T]
    next_cursor: str | None = None
