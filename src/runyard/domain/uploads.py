"""Files that come to runs in two steps, and what agents remember of tasks: records of both. Pure."""

from __future__ import annotations

import re

import msgspec

from runyard.domain.records import Json

SECOND = 1_000_000
LIFE = 3600 * SECOND
"""How long an upload that was announced may begin, and once its bytes came, how long it may be attached."""
LONGEST_PATH = 500
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Also those that turn the direction of text, by which one name passes for another."""


class Upload(msgspec.Struct, frozen=True, gc=False):
    """A file that was announced. Built from rows by position."""

    id: str
    """The id of the artifact it becomes."""
    project_id: int
    run_id: str
    name: str
    kind: str
    source: str
    content_type: str
    size: int
    """As it was announced."""
    path: str
    metadata: Json | None
    expires_at: int
    sha256: str | None
    """Of its bytes, once they came."""
    received: int | None
    """How many came."""


class Kept(msgspec.Struct, frozen=True, gc=False):
    """What an agent remembers of a task between its runs. Built from rows by position."""

    task_id: str
    project_id: int
    run_id: str
    """The run that wrote it last."""
    sha256: str
    size: int
    updated_at: int


def path_of(folder: str, entry_id: str, name: str) -> str:
    """Where a file stands in its run's manifest; what is too long for it is cut off the name's end."""
    return f"{folder}/{entry_id[:8]}_{name}"[:LONGEST_PATH]


def plain_name(name: str) -> str:
    """The name without control characters."""
    return _CONTROLS.sub("_", name)


def sendable(content_type: str, otherwise: str) -> str:
    """The content type, where a header can say it."""
    fits = content_type.isascii() and content_type.isprintable() and bool(content_type.strip())
    return content_type if fits else otherwise
