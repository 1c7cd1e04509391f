"""Files on their way out: what a reply says of them, and which part of them was asked for."""

from __future__ import annotations

import re
from urllib.parse import quote

from runyard.streams.asgi import Header

RANGE = re.compile(r"bytes=(\d{1,15})-(\d{0,15})")
NO_NAME = "artifact"


def span(asked: str | None, size: int) -> tuple[int, int, int]:
    """First byte, the byte after the last, and the status; a range that makes no sense is passed over (RFC 9110)."""
    match = RANGE.fullmatch(asked.strip()) if asked else None
    if match is None or size == 0:
        return 0, size, 200
    start = int(match[1])
    stop = min(int(match[2]) + 1, size) if match[2] else size
    return (start, stop, 206) if start < stop else (0, size, 200)


def head(name: str, content_type: str, *, start: int, stop: int, size: int, partial: bool, manner: str) -> list[Header]:
    """What a reply with these bytes of a file says of them; `manner` is `inline` or `attachment`."""
    headers = [
        (b"content-type", content_type.encode("ascii")),
        (b"content-length", b"%d" % (stop - start)),
        (b"content-disposition", disposition(manner, name)),
        (b"accept-ranges", b"bytes"),
    ]
    if partial:
        headers.append((b"content-range", b"bytes %d-%d/%d" % (start, stop - 1, size)))
    return headers


def disposition(manner: str, name: str) -> bytes:
    """How to treat a file, and what to call it: in ASCII for all, and by its own name for those who can (RFC 6266)."""
    last = name.rpartition("/")[2] or NO_NAME
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", last)
    own = f"; filename*=UTF-8''{quote(last, safe='')}" if plain != last else ""
    return f'{manner}; filename="{plain}"{own}'.encode("ascii")
