"""Forms with a file, read while they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

import pytest

from runyard.domain.errors import DomainError, Invalid, TooLarge
from runyard.web import multipart
from runyard.web.errors import WrongType

KIND = 'multipart/form-data; boundary="b o"'
HEAD = b'--b o\r\nContent-Disposition: form-data; name="key"\r\n\r\nvalue \xc3\xa9\r\n'
FILE = b'--b o\r\nContent-Disposition: form-data; name="file"; filename="a"\r\nContent-Type: text/plain\r\n\r\n'
END = b"\r\n--b o--\r\n"


async def sent(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def taken(pieces: Iterable[bytes], kind: str, limit: int) -> tuple[dict[str, str], list[bytes]]:
    form = await multipart.read(sent(pieces), kind, limit=limit)
    return form.fields, [piece async for piece in form.content]


def read(pieces: Iterable[bytes], kind: str = KIND, limit: int = 1 << 20) -> tuple[dict[str, str], list[bytes]]:
    """The fields, and the file as it came."""
    return asyncio.run(taken(pieces, kind, limit))


@pytest.mark.parametrize("step", [1, 2, 7, 64, 1 << 20])
@pytest.mark.parametrize(
    "content", [b"", b"x", b"\r\n", b"\r\n--b ", b"a\r\n--b \x00", b"--b o--", bytes(range(256)) * 9]
)
def test_a_file_comes_as_it_is_however_it_is_cut(content: bytes, step: int) -> None:
    body = HEAD + FILE + content + END
    fields, pieces = read([body[start : start + step] for start in range(0, len(body), step)])
    assert fields == {"key": "value é"}
    assert b"".join(pieces) == content


def test_what_comes_after_the_file_is_passed_over() -> None:
    late = b"\r\n" + HEAD + FILE.replace(b'"file"', b'"more"') + b"zzz" + END + b"epilogue"
    assert read([HEAD + FILE + b"abc" + late]) == ({"key": "value é"}, [b"abc"])


def test_no_more_than_a_piece_is_ever_held() -> None:
    piece = bytes(1 << 16)
    _, pieces = read([HEAD, FILE, *[piece] * 100, END], limit=1 << 23)
    assert sum(map(len, pieces)) == 100 << 16
    assert max(map(len, pieces)) <= 2 << 16


@pytest.mark.parametrize(
    ("pieces", "kind", "error"),
    [
        ([HEAD, FILE, b"abc"], KIND, Invalid),
        ([HEAD, FILE, b"abc", END[:-4]], KIND, Invalid),
        ([HEAD, END[2:]], KIND, Invalid),
        ([END[2:]], KIND, Invalid),
        ([], KIND, Invalid),
        ([b"nothing of the kind"], KIND, Invalid),
        ([HEAD.replace(b"\xc3", b"\xff"), FILE, END], KIND, Invalid),
        ([HEAD.replace(b"form-data", b"attachment"), FILE, END], KIND, Invalid),
        ([HEAD.replace(b"value", b"v" * (17 << 10)), FILE, END], KIND, Invalid),
        ([*[HEAD.replace(b"key", b"%d" % number) for number in range(40)], FILE, END], KIND, Invalid),
        ([HEAD * 80, FILE, END], KIND, TooLarge),
        ([b"--b o\r\nX: " + b"y" * 9000], KIND, TooLarge),
        ([HEAD, FILE, bytes(1 << 20), END], KIND, TooLarge),
        ([HEAD], "multipart/form-data", WrongType),
        ([HEAD], f"multipart/form-data; boundary={'b' * 201}", WrongType),
        ([HEAD], "application/x-www-form-urlencoded", WrongType),
        ([HEAD], "", WrongType),
    ],
)
def test_what_is_no_whole_form_is_refused(pieces: list[bytes], kind: str, error: type[DomainError]) -> None:
    with pytest.raises(error):
        read(pieces, kind)
