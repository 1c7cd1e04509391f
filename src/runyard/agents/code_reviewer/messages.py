"""What the review's process is told and what it says: one JSON object a line."""

from typing import Any

import msgspec
from msgspec import Struct

from runyard.agents.code_reviewer.model import ModelSettings, Usage
from runyard.agents.code_reviewer.report import Report
from runyard.agents.code_reviewer.request import Limits, ReviewRequest


class Order(Struct, frozen=True, kw_only=True):
    """A review to do."""

    request: ReviewRequest
    roots: tuple[str, ...]
    limits: Limits = Limits()
    model: ModelSettings | None = None
    options: dict[str, Any] = {}
    """For those who look: what their agent is told."""


class Progress(Struct, frozen=True, kw_only=True):
    message: str
    done: int
    total: int


class Failure(Struct, frozen=True, kw_only=True):
    kind: str
    message: str


class Line(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One of these; `report` and `error` are the last word."""

    progress: Progress | None = None
    usage: Usage | None = None
    report: Report | None = None
    error: Failure | None = None


def encode(line: Line) -> bytes:
    return msgspec.json.encode(line) + b"\n"


def decode(text: bytes) -> Line:
    return msgspec.json.decode(text, type=Line)
