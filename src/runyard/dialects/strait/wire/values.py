"""Values that several shapes of the dialect share."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Generic, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

T = TypeVar("T")

Time = datetime
Tags = dict[str, str]
NOTHING = Raw(b"")
"""A JSON value that was not sent."""
Key256 = Annotated[str, Meta(min_length=1, max_length=256)]
Priority = Annotated[int, Meta(ge=0, le=10)]


class StatusOk(msgspec.Struct, kw_only=True):
    """Done."""

    status: str = "ok"


class Paginated(msgspec.Struct, Generic[T], kw_only=True):
    """A page of a list, in its envelope."""

    data: list[T]
    has_more: bool
    next_cursor: str | UnsetType = UNSET
