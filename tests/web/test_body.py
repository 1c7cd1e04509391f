"""How bodies are checked and decoded."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runyard.domain.errors import Invalid
from runyard.web.body import check_depth, decode, path_of

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet='[]{}"\\ ab', max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='[{"\\', max_size=3), inner, max_size=3)
    ),
    max_leaves=30,
)


def depth_of(value: Any) -> int:
    """How deep a value is nested."""
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    return 0


@given(VALUES)
def test_the_depth_is_counted_as_a_parser_would(value: Any) -> None:
    body = json.dumps(value, ensure_ascii=False).encode()
    depth = depth_of(value)
    check_depth(body, depth)
    if depth:
        with pytest.raises(Invalid):
            check_depth(body, depth - 1)


@pytest.mark.parametrize(
    ("place", "path"),
    [
        ("$", ()),
        ("$.runs[0].priority", ("runs", 0, "priority")),
        ("$[3]", (3,)),
        ("$.tags[...]", ("tags",)),
        ("key in $.tags", ("tags",)),
        ("$.a.b[10].c", ("a", "b", 10, "c")),
    ],
)
def test_a_place_becomes_a_path(place: str, path: tuple[str | int, ...]) -> None:
    assert path_of(place) == path


class One(msgspec.Struct):
    one: int


class Many(msgspec.Struct):
    many: list[One]
    note: str = ""


def test_of_several_structs_the_one_whose_fields_are_there_is_meant() -> None:
    assert decode(b'{"one":1}', Many | One) == One(1)
    assert decode(b'{"many":[{"one":2}]}', Many | One) == Many([One(2)])
    with pytest.raises(Invalid, match="/many/0/one"):
        decode(b'{"many":[{"one":"x"}]}', Many | One)
    with pytest.raises(Invalid, match="one"):
        decode(b"{}", Many | One)
    assert decode(b"null", Many | One | None) is None


def test_the_error_says_what_was_wrong_and_where() -> None:
    with pytest.raises(Invalid) as raised:
        decode(b'{"one":"a"}', One)
    assert str(raised.value) == "the body is not as it should be at /one: expected `int`, got `str`"


def test_unknown_keys_are_ignored() -> None:
    assert decode(b'{"one":1,"two":2}', One) == One(1)


def test_a_large_body_is_checked_quickly() -> None:
    kind = dict[str, msgspec.Raw]
    body = b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    with pytest.raises(Invalid, match="nested deeper"):
        decode(body, kind)
    wide = msgspec.json.encode({"a": [{"b": [1]}] * 50_000})
    assert set(decode(wide, kind)) == {"a"}
