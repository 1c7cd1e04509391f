"""Signed links: URLs that open one thing for a while without a key."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from runyard.domain.errors import NotFound

SECOND = 1_000_000
_json = msgspec.json.Encoder()


class Link(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What a link opens: a kind of thing, whose it is, and the words that name it; until a time in microseconds."""

    kind: str
    project_id: int
    names: tuple[str, ...]
    until: int


class Links:
    """Makes and reads the signed part of links under one key; `now` is the store's clock in microseconds."""

    def __init__(self, key: bytes, now: Callable[[], int]) -> None:
        self._key = key
        self._now = now

    def make(self, kind: str, project_id: int, names: Sequence[str], *, seconds: int, steady: int = 0) -> str:
        """The signed part of a link that is good for so many seconds.

        With `steady` the same link is made for so many seconds, and is good for at least the rest of them.
        """
        now = self._now()
        begins = now - now % (steady * SECOND) if steady else now
        link = Link(kind=kind, project_id=project_id, names=tuple(names), until=begins + seconds * SECOND)
        said = _json.encode(link)
        return _text(hmac.digest(self._key, said, "sha256")[:24] + said)

    def read(self, text: str, kind: str) -> Link:
        """What the link opens. Raises `NotFound` when it is not ours, of another kind, or has expired."""
        found = self._read(text)
        if found is None or found.kind != kind or found.until <= self._now():
            raise NotFound("this link is not good, or not any more; ask for a new one")
        return found

    def _read(self, text: str) -> Link | None:
        try:
            raw = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
            if not hmac.compare_digest(raw[:24], hmac.digest(self._key, raw[24:], "sha256")[:24]):
                return None
            return msgspec.json.decode(raw[24:], type=Link)
        except (ValueError, msgspec.MsgspecError):
            return None


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def origin(scope: Any) -> str:
    """Where the caller reached this server, as a URL without a path."""
    headers = dict(scope["headers"])
    host = headers.get(b"host", b"").decode("latin-1") or "localhost"
    return f"{scope.get('scheme', 'http')}://{host}"
