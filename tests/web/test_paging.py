"""Cursors are opaque, bounded, and refused when they are not ours."""

from __future__ import annotations

import base64

import pytest

from runyard.domain.errors import Invalid
from runyard.web.paging import cursor, cut, place


def test_a_cursor_comes_back_as_what_it_stands_for() -> None:
    assert place(cursor(12, "id-ä"), tuple[int, str]) == (12, "id-ä")
    assert place(None, tuple[int, str]) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "!!!",
        "ä",
        "a" * 2000,
        cursor("a", "b"),
        cursor(1),
        cursor(1, "a", 2),
        cursor(2**63, "a"),
        cursor(1, "a\0"),
        base64.urlsafe_b64encode(b"{}").decode(),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    ],
)
def test_a_cursor_of_another_list_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        place(text, tuple[int, str])


def test_a_page_ends_where_the_next_one_begins() -> None:
    assert cut([1, 2, 3], 3, cursor) == ([1, 2, 3], None)
    rows, following = cut([1, 2, 3, 4], 3, cursor)
    assert rows == [1, 2, 3]
    assert place(following, tuple[int]) == (3,)
