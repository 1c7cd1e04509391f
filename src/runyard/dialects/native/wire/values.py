"""Values that many shapes share. Times are RFC 3339 UTC, durations are seconds, costs are integer micro-USD."""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

import msgspec
from msgspec import Meta, Raw

T = TypeVar("T")

Seconds = Annotated[float, Meta(ge=0, le=10 * 366 * 86400)]
Name = Annotated[str, Meta(min_length=1, max_length=128)]
Text = Annotated[str, Meta(max_length=4096)]
Priority = Annotated[int, Meta(ge=0, le=10)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
NOTHING = Raw(b"")
"""Stands for a value that was not sent; optional JSON cannot be `Raw | None`, which takes nothing but null."""
Tags = list[Annotated[str, Meta(max_length=256)]] | dict[str, str]
"""A list of words, or a map of words to words; answered in the form it was given."""


class Page(msgspec.Struct, Generic[T], kw_only=True):
    """One page of a list; send `next_cursor` back as `cursor` for the next one."""

    data: list[T]
    next_cursor: str | None = None
