"""Whether one JSON value contains another, by the rules of PostgreSQL's `@>`, and what is asked of texts of JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from runyard.domain.errors import Invalid

_entries = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Document(msgspec.Struct, frozen=True):
    """A JSON value to be contained; boxed, because null is one."""

    value: Any


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


def document(text: str) -> Document:
    """The value that is to be contained. Raises `Invalid` when the text is no JSON, or too long."""
    if len(text) > 65_536:
        raise Invalid("a filter by containment takes at most 64 KiB of JSON")
    try:
        return Document(msgspec.json.decode(text))
    except (msgspec.DecodeError, RecursionError):
        raise Invalid("a filter by containment is JSON; this is not") from None


def holds(text: str, part: Document | None) -> bool:
    """Whether the text contains the value, if one is wanted."""
    if part is None:
        return True
    try:
        return contains(msgspec.json.decode(text), part.value)
    except (msgspec.DecodeError, RecursionError):  # kept as it came, and deeper than we go
        return False


def has_entries(text: str, wanted: Sequence[tuple[str, str | None]]) -> bool:
    """Whether the object has these entries, any value where it is None; a value that is no text counts as its JSON."""
    try:
        found = _entries(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return all(name in found and (value is None or _text(found[name]) == value) for name, value in wanted)


def _text(value: msgspec.Raw) -> str:
    text = bytes(value)
    return msgspec.json.decode(text, type=str) if text.startswith(b'"') else text.decode()
