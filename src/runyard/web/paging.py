"""Opaque cursors and bounded pages."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Hashable, Sequence
from functools import cache
from typing import Annotated, Any, TypeVar, cast

import msgspec
from litestar.params import QueryParameter

from runyard.domain.errors import Invalid

MAX_CURSOR = 1024
MAX_LIMIT = 200

T = TypeVar("T")

Limit = Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT, description="How many entries a page holds at most.")]
Cursor = Annotated[
    str | None,
    QueryParameter(max_length=MAX_CURSOR, description="`next_cursor` of the page before; absent for the first."),
]
After = Annotated[
    int | None, QueryParameter(ge=0, le=2**63 - 1, description="The sequence number of the last entry seen.")
]


def cursor(*values: str | int | None) -> str:
    """The place in a list as opaque text."""
    return base64.urlsafe_b64encode(msgspec.json.encode(values)).rstrip(b"=").decode()


def place(text: str | None, kind: type[T]) -> T | None:
    """The place a cursor stands for, as a tuple of the given kind; None for the beginning. Raises `Invalid`."""
    if text is None:
        return None
    if len(text) > MAX_CURSOR or not text.isascii():
        raise Invalid("the cursor is not one of this list; send `next_cursor` as it was given")
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        found: Any = _decoder(cast("Any", kind))(raw)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise Invalid("the cursor is not one of this list; send `next_cursor` as it was given") from None
    if not all(_fits(value) for value in found):
        raise Invalid("the cursor is not one of this list; send `next_cursor` as it was given")
    return cast("T", found)


@cache
def _decoder(kind: Hashable) -> Callable[[bytes], Any]:
    return msgspec.json.Decoder(kind).decode


def _fits(value: object) -> bool:
    """Whether a database can compare the value with a column."""
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return not isinstance(value, str) or "\0" not in value


def cut(rows: Sequence[T], limit: int, cursor_of: Callable[[T], str]) -> tuple[Sequence[T], str | None]:
    """A page of at most `limit` of the rows (ask for one more than that), and the cursor for the next page."""
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], cursor_of(rows[limit - 1])
