"""Pages of lists as the SDK reads them (contract §1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from runyard.dialects.bamboosnow.mapping.values import Place
from runyard.dialects.bamboosnow.wire.pages import Page

R = TypeVar("R")
T = TypeVar("T")


def page_out(place: Place, rows: Sequence[R], total: int, shape: Callable[[R], T]) -> Page[T]:
    """The page at the place."""
    return Page(
        items=[shape(row) for row in rows],
        total=total,
        page=place.page,
        per_page=place.per_page,
        total_pages=-(-total // place.per_page),
    )
