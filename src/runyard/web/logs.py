"""Structured logs: JSON lines or a readable console, with secrets struck out."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Literal, TextIO

import msgspec
import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from runyard.domain.redaction import STRUCK, struck

MAX_DEPTH = 8
SECRET_NAMES = re.compile(
    r"(^|[_-])(authorization|cookie|password|passwd|secret|token|api[_-]?key|admin[_-]?key|credential)s?$",
    re.IGNORECASE,
)


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Strike secrets anywhere in the event; a structlog processor."""
    return {name: _clean(name, value, MAX_DEPTH) for name, value in event.items()}


def _clean(name: object, value: Any, depth: int) -> Any:
    if isinstance(name, str) and SECRET_NAMES.search(name) and value not in (None, "", True, False):
        return STRUCK
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        return struck(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth == 0:
        return struck(repr(value))
    if isinstance(value, Mapping):
        return {struck(str(key)): _clean(key, item, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean("", item, depth - 1) for item in value]
    return struck(repr(value))


def _plain(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Drop what a library adds for terminals."""
    event.pop("color_message", None)
    return event


def _json(event: MutableMapping[str, Any], **_: Any) -> str:
    return msgspec.json.encode(event).decode()


def setup(
    *, style: Literal["json", "console", "auto"] | str = "auto", level: str = "info", stream: TextIO | None = None
) -> None:
    """Send all logs, the libraries' too, to the stream (standard error) in the style asked for."""
    stream = stream or sys.stderr
    console = style == "console" or (style == "auto" and stream.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _plain,
        redact,
    ]
    final: Processor = structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer(_json)
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    structlog.configure(
        processors=[*shared, final],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, final],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(number, logging.INFO))
