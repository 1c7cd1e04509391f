"""What may be said of the end of a run: how big it may be, and that it gives no proof of a lease away."""

from __future__ import annotations

from typing import Any

from runyard.domain.canonical import decoded
from runyard.domain.errors import Invalid
from runyard.domain.records import Json
from runyard.engine import sizes

DOCUMENT = 64 << 10
SENTENCE = 64 << 10
SECRET = "claim_token"  # noqa: S105 (what such a secret is called)
"""A key of this name would hold the proof of a lease."""


def check_result(result: Json | None) -> None:
    """Raise `TooLarge` beyond 64 KiB, `Invalid` where a key says that it holds a claim token."""
    _check("the result", result)


def check_metadata(metadata: Json | None) -> None:
    """The same of what is said beside a failure."""
    _check("the metadata", metadata)


def check_sentence(what: str, text: str | None) -> None:
    """Raise `TooLarge` for a reason or an error beyond 64 KiB."""
    sizes.within(SENTENCE, what, text)


def _check(what: str, text: Json | None) -> None:
    sizes.within(DOCUMENT, what, text)
    # A key can also be written with escapes, and then says so.
    if text is not None and (SECRET in text.lower() or "\\u" in text) and _tells(decoded(text)):
        raise Invalid(f"{what} must not have a key `{SECRET}`, at whatever depth: proofs of leases are not kept there")


def _tells(value: Any) -> bool:
    if isinstance(value, dict):
        return any(name.lower() == SECRET or _tells(one) for name, one in value.items())
    return isinstance(value, list) and any(map(_tells, value))
