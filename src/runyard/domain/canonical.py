"""One text for all ways to write a JSON value, so that equal payloads are known for equal."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec

_encode = msgspec.json.Encoder(order="sorted").encode


def canonical(text: str) -> str:
    """The JSON with sorted keys and without white space; numbers stay as they were written.

    Text that no encoder takes (a lone surrogate, say) stays as it is as a whole.
    """
    try:
        return _encode(json.loads(text, parse_float=_verbatim, parse_int=_verbatim)).decode()
    except (ValueError, RecursionError):
        return text


def decoded(text: str | bytes) -> Any:
    """The JSON value; numbers with a point or an exponent stay as they were written, however large they are."""
    return _decode(text)


def digest(text: str) -> str:
    """The hexadecimal SHA-256 of a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _verbatim(number: str) -> msgspec.Raw:
    return msgspec.Raw(number.encode())


_decode = msgspec.json.Decoder(float_hook=_verbatim).decode
