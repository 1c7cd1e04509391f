"""A piece of a list that is read in order, and where to go on."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")
K = TypeVar("K", int, str)


class Slice(msgspec.Struct, Generic[T, K], frozen=True, kw_only=True):
    """Some rows of a list. `more` is the key to go on after, and None at the end of what there is now.

    A filtered list looks at a bounded number of rows a time, so a slice may hold fewer rows than were asked for
    (even none) and still have more.
    """

    rows: list[T]
    more: K | None
