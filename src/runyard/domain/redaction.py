"""Striking secrets out of what leaves the server. Pure."""

from __future__ import annotations

import re
from typing import Any

STRUCK = "[redacted]"
# Bounded at the front, so that a text made for it takes no time that grows faster than the text.
SECRET_TEXTS = (
    re.compile(r"\b((?:ry|strait|bs_live|bs_test|bs|rl|agh_claim)_)[A-Za-z0-9_\-]{8,}"),
    re.compile(r"\b((?:Bearer|Basic)\s+)[A-Za-z0-9._~+/=\-]{8,}", re.IGNORECASE),
    re.compile(r"\b()eyJ[A-Za-z0-9_\-]{8,512}\.[A-Za-z0-9_\-]+(?:\.[A-Za-z0-9_\-]+)?"),
    re.compile(r"(\b[a-z][a-z0-9+.\-]{0,30}://[^\s/:@]*:)[^\s/@]+(?=@)", re.IGNORECASE),
)
_SECRET_NAMES = re.compile(
    "token|apikey|secret|password|passwd|authorization|credential|oauthcode|codeverifier|pkceverifier|privatekey"
)
_BETWEEN = re.compile(r"[\s._-]+")
_PUBLIC = frozenset({"claimtokenhash", "previousclaimtokenhash", "previousclaimtokenhashtruncated"})
"""Hashes, which open nothing."""
_DEEPEST = 64


def struck(text: str) -> str:
    """The text without keys, tokens and passwords."""
    for pattern in SECRET_TEXTS:
        text = pattern.sub(rf"\g<1>{STRUCK}", text)
    return text


def without_secrets(value: Any, depth: int = _DEEPEST) -> Any:
    """JSON that is decoded, without what its names or its form show to be secret."""
    if isinstance(value, str):
        return struck(value)
    if not isinstance(value, dict | list):
        return value
    if depth == 0:
        return STRUCK
    if isinstance(value, list):
        return [without_secrets(one, depth - 1) for one in value]
    return {name: _said(name, one, depth - 1) for name, one in value.items()}


def _said(name: str, value: Any, depth: int) -> Any:
    known = _BETWEEN.sub("", name.lower())
    if _SECRET_NAMES.search(known) and known not in _PUBLIC and not isinstance(value, bool | int | float | None):
        return STRUCK
    return without_secrets(value, depth)


def cut(text: str, most: int) -> str:
    """The text in at most so many bytes."""
    return text.encode()[:most].decode(errors="ignore")
