"""Chat threads: links to them, Markdown as their messages have it, and what is remembered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runyard.domain.threads import LONGEST, capped, chosen, mrkdwn, problem_with, remembered, thread_of


@pytest.mark.parametrize(
    ("markdown", "message"),
    [
        ("**bold** and *italic* and ~~gone~~", "*bold* and _italic_ and ~gone~"),
        ("__bold__, _italic_, a_b_c, 2*3*4", "*bold*, _italic_, a_b_c, 2*3*4"),
        ("***both***", "*_both_*"),
        ("# Title **here**\ntext", "*Title here*\ntext"),
        ("- one\n  * two\n+ three", "• one\n  • two\n• three"),
        ("see [the docs](https://a.b/c?d=1&e=2)", "see <https://a.b/c?d=1&amp;e=2|the docs>"),
        ("![a picture](https://a.b/c.png)", "<https://a.b/c.png|a picture>"),
        ("<https://a.b/c>", "<https://a.b/c>"),
        ("a < b && c > d <@U1> <!channel>", "a &lt; b &amp;&amp; c &gt; d &lt;@U1&gt; &lt;!channel&gt;"),
        ("`**code** <b>`", "`**code** &lt;b&gt;`"),
        ("```python\nx = **y**\n```", "```\nx = **y**\n```"),
        ("[`code`](https://a.b)", "<https://a.b|`code`>"),
        ("[not](javascript:alert(1))", "[not](javascript:alert(1))"),
    ],
)
def test_markdown_becomes_what_messages_have(markdown: str, message: str) -> None:
    assert mrkdwn(markdown) == message


@given(st.text(alphabet="ab *_~`<>&|[]()!#-\n\x00\x01\x02:/htps", max_size=80))
def test_no_markdown_mentions_anybody_or_breaks_the_converter(text: str) -> None:
    said = mrkdwn(text)
    assert "\x00" not in said
    assert "<@" not in said
    assert "<!" not in said


def test_a_message_is_cut_where_it_is_too_long() -> None:
    assert capped("x" * LONGEST) == "x" * LONGEST
    assert capped("x" * (LONGEST + 1)) == "x" * (LONGEST - 3) + "..."


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://team.slack.com/archives/C012AB3CD/p1712345678000100", ("C012AB3CD", "1712345678.000100")),
        ("http://team.slack.com/archives/C012AB3CD/p1712345678000100", None),
        ("https://evil.com/archives/C012AB3CD/p1712345678000100", None),
        ("https://notslack.com/archives/C012AB3CD/p1712345678000100", None),
        ("https://team.slack.com/archives/C012AB3CD", None),
        ("https://team.slack.com/archives/C012AB3CD/p17", None),
        ("https://[slack.com/archives/C012AB3CD/p1712345678000100", None),
    ],
)
def test_a_thread_is_found_by_the_link_to_its_first_message(url: str, found: tuple[str, str] | None) -> None:
    assert thread_of(url) == found


def test_of_an_answer_in_parts_the_last_that_says_something_is_chosen() -> None:
    assert chosen(" whole ", None) == "whole"
    assert chosen("whole", ["first", " last ", " "]) == "last"
    assert chosen("whole", [" ", ""]) == ""


def test_the_last_thirty_messages_are_remembered_once_each() -> None:
    known = [str(number) for number in range(30)]
    assert remembered(known, "new") == [*known[1:], "new"]
    assert remembered(["a", "b"], "a") == ["b", "a"]
    assert remembered({"odd": 1}, "a") == ["a"]


def test_names_of_threads_that_cannot_be_are_told() -> None:
    assert problem_with("C0123", "1712345678.000100", "U0123") is None
    assert "channel" in (problem_with("general", "1.2", None) or "")
    assert "timestamp" in (problem_with("C0123", "now", None) or "")
    assert "mentioned" in (problem_with("C0123", "1.2", "bob") or "")
