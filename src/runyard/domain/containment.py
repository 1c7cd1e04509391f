"""Whether one JSON value contains another, by the rules of PostgreSQL's `@>`."""

from __future__ import annotations

from typing import Any


def contains(whole: Any, part: Any) -> bool:
    """Whether all of `part` is found in `whole`; at the top an array also contains a single one of its values."""
    if isinstance(whole, list) and not isinstance(part, list | dict):
        return any(_equal(one, part) for one in whole)
    return _within(whole, part)


def _within(whole: Any, part: Any) -> bool:
    if isinstance(part, dict):
        if not isinstance(whole, dict):
            return False
        # A loop takes half the time, and this is asked of thousands of documents in a row.
        for key, value in part.items():  # noqa: SIM110
            if key not in whole or not _within(whole[key], value):
                return False
        return True
    if isinstance(part, list):
        return isinstance(whole, list) and all(any(_within(one, wanted) for one in whole) for wanted in part)
    return _equal(whole, part)


def _equal(one: Any, other: Any) -> bool:
    # To Python true is 1; to JSON it is not.
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list | dict):
        return False
    return bool(one == other)
