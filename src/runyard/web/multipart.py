"""Forms with a file (RFC 7578), read while they come: the fields before the file, then its bytes, never all of them."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from typing import Any

import msgspec
from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    MultipartSegment,
    ParserLimitReached,
    PushMultipartParser,
    parse_options_header,
)

from runyard.domain.errors import Invalid, TooLarge
from runyard.web.errors import WrongType

FILE = "file"
FIELDS = 32
"""How many fields may come before the file."""
FIELD = 16 << 10
"""How many bytes one of them may have."""


class Form(msgspec.Struct, frozen=True):
    """What came before the file, and the file as it comes."""

    fields: dict[str, str]
    content: AsyncIterator[bytes]
    """Raises `Invalid` at its end when the form is not whole, and `TooLarge` beyond the limit."""


async def read(chunks: AsyncIterable[bytes], content_type: str, *, limit: int) -> Form:
    """The form up to the part called `file`; what comes after that part is passed over.

    Raises `WrongType`, `Invalid`, and `TooLarge` when form and file have more bytes than the limit.
    """
    parts = _parts(chunks, _boundary(content_type), limit)
    fields: dict[str, str] = {}
    async for part in parts:
        if not isinstance(part, MultipartSegment):
            continue
        if part.name == FILE:
            return Form(fields, _content(parts))
        fields[part.name] = await _text(parts, part.name)
        if len(fields) > FIELDS:
            raise Invalid(f"the form has more than {FIELDS} fields before the file")
    raise Invalid(f"the form has no part named {FILE!r}; send the file as its last part")


def _boundary(content_type: str) -> str:
    kind, options = parse_options_header(content_type)
    boundary: str = options.get("boundary", "")
    if kind != "multipart/form-data" or not 1 <= len(boundary) <= 200 or not boundary.isascii():
        raise WrongType("the file is sent as a form; send Content-Type: multipart/form-data with its boundary")
    return boundary


async def _parts(chunks: AsyncIterable[bytes], boundary: str, limit: int) -> AsyncIterator[Any]:
    """What the parser finds: the head of each part, its bytes, and None at its end."""
    count = 0
    try:
        parser = PushMultipartParser(boundary, max_segment_count=2 * FIELDS)
        with parser:
            async for chunk in chunks:
                count += len(chunk)
                if count > limit:
                    raise TooLarge(f"the form has more than the {limit} bytes that were announced for it")
                for part in parser.parse(chunk) if chunk else ():
                    yield part
    except ParserLimitReached as error:
        raise TooLarge(f"the form cannot be taken: {error}") from None
    except MultipartError as error:
        raise Invalid(f"the form is broken: {error}") from None


async def _text(parts: AsyncIterator[Any], name: str) -> str:
    found = b""
    async for piece in parts:
        if piece is None:
            break
        found += piece
        if len(found) > FIELD:
            raise Invalid(f"the form's field {name[:64]!r} has more than {FIELD} bytes")
    try:
        return found.decode()
    except UnicodeDecodeError:
        raise Invalid(f"the form's field {name[:64]!r} is not UTF-8") from None


async def _content(parts: AsyncIterator[Any]) -> AsyncIterator[bytes]:
    within = True
    # To the form's very end: a file whose form broke off is not whole.
    async for piece in parts:
        if piece is None:
            within = False
        elif within:
            yield bytes(piece)
