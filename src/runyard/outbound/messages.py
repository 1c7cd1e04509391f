"""Requests to the outside and their answers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import msgspec

from runyard.domain.errors import Invalid
from runyard.outbound.guard import Reach, Target

Trouble = Literal["refused", "connection", "timeout", "transient"]
"""Why there is no answer: the guard does not let the request out, nobody can be reached, no time is left, or the
exchange broke off."""

MAX_BODY = 1 << 20
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FORBIDDEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A request to be sent."""

    url: str
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    method: str = "POST"
    max_body: int = MAX_BODY
    """How much of the answer's body is read."""
    reach: Reach | None = None
    """Where it may go; None leaves that to the settings."""


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """Where the time of an exchange went, in seconds."""

    connect: float
    """Until the connection stood; 0 when it stood already."""
    first: float
    """From then on until the first byte of the answer."""
    transfer: float
    """From the first byte to the last."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back."""

    status: int
    headers: dict[str, str]
    """Names in lower case; of several with one name the last."""
    body: bytes
    is_cut: bool
    """Whether the body was longer than what was read of it."""
    timing: Timing


class NoAnswer(Exception):
    """The request got no answer, for the reason and from the kind of trouble that it names."""

    def __init__(self, trouble: Trouble, detail: str) -> None:
        super().__init__(detail)
        self.trouble = trouble
        self.detail = detail


def head(target: Target, request: Outgoing) -> bytes:
    """The request up to its body. Raises `Invalid` for a header that cannot travel."""
    lines = [f"{request.method} {target.path} HTTP/1.1", f"Host: {target.authority}"]
    for name, value in request.headers:
        if not _NAME.fullmatch(name) or _FORBIDDEN.search(value):
            raise Invalid(f"the header {name[:64]!r} cannot be sent: it has characters that headers may not have")
        lines.append(f"{name}: {value}")
    if not any(name.lower() == "accept" for name, _ in request.headers):
        lines.append("Accept: application/json, */*")
    lines += [f"Content-Length: {len(request.body)}", "", ""]
    return "\r\n".join(lines).encode("utf-8", "replace")
