"""No secret reaches a log."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import msgspec
import pytest
import structlog

from runyard.web import logs


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where the logs go; afterwards logging is as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.setup(style="json", stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize(
    "text",
    [
        "ry_abcdefgh12345678",
        "strait_abcdefgh12345678",
        "bs_live_abcdefgh12345678",
        "rl_abcdefgh12345678",
        "agh_claim_abcdefgh12345678",
        "Bearer abcdefgh12345678",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcdefgh12345678",
        "postgresql://me:abcdefgh12345678@db/x",
    ],
)
def test_a_secret_is_struck_out_wherever_it_stands(stream: io.StringIO, text: str) -> None:
    log = structlog.get_logger("test")
    log.warning(f"saw {text}", plain=text, deep={"list": [text], text: 1}, raw=text.encode())
    try:
        raise ValueError(f"with {text}")
    except ValueError:
        log.exception("failed")
    logging.getLogger("library").warning("library saw %s", text)
    written = stream.getvalue()
    assert "abcdefgh12345678" not in written
    assert written.count("[redacted]") >= 6


def test_fields_that_are_secret_by_name_are_struck_out(stream: io.StringIO) -> None:
    structlog.get_logger("test").info(
        "x",
        authorization="a1b2",
        lease_token="a1b2",
        headers={"Cookie": "a1b2"},
        password="a1b2",
        tokens=None,
        key="shown",
    )
    written = stream.getvalue()
    assert "a1b2" not in written
    assert "shown" in written


def test_a_line_of_the_log_is_json_with_its_event_and_time(stream: io.StringIO) -> None:
    structlog.get_logger("test").info("run.completed", run="r1", count=2)
    structlog.get_logger("test").debug("not.shown")
    line = msgspec.json.decode(stream.getvalue())
    assert (line["event"], line["run"], line["count"], line["level"]) == ("run.completed", "r1", 2, "info")
    assert line["timestamp"].endswith("Z")


def test_the_console_style_is_for_reading() -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    try:
        logs.setup(style="console", stream=stream)
        structlog.get_logger("test").info("run.completed", token="a1b2c3")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.reset_defaults()
    assert "run.completed" in stream.getvalue()
    assert "a1b2c3" not in stream.getvalue()
