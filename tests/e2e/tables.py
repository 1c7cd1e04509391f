"""What commands print for people, taken apart."""

from __future__ import annotations

import re

_GAP = re.compile(r" {2,}")


def rows(text: str) -> list[dict[str, str]]:
    """The rows of a table, each by the names of its columns."""
    names, *lines = [_GAP.split(line) for line in text.splitlines()]
    return [dict(zip(names, line, strict=True)) for line in lines]


def fields(text: str) -> dict[str, str]:
    """The lines of one thing, `field  value`, by the names of the fields."""
    return dict(_GAP.split(line, maxsplit=1) for line in text.splitlines() if not line.startswith(" "))
