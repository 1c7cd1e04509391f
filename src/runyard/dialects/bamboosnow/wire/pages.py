"""Pages of lists as the SDK reads them (contract §1)."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


class Page(msgspec.Struct, Generic[T], kw_only=True, rename="camel"):
    """One page of a list, by number."""

    items: list[T]
    total: int
    page: int
    per_page: int
    total_pages: int
