"""What may be said of coding tasks and their runs, by the names of the API."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

Told = Literal["draft", "queued", "running", "completed", "failed", "canceled"]


class CodingTaskChanges(TypedDict, total=False):
    """What may change of a coding task; None takes away."""

    title: str
    description: str
    product: str
    repository: str | None
    integration: int | None
    output_schema: Any


class CodingTaskFields(TypedDict, total=False):
    """What a coding task may be made with, besides its description."""

    title: str
    product: str
    repository: str | None
    integration: int | None
    output_schema: Any


class CodingRunFields(TypedDict, total=False):
    """What a run of a coding task may be made with."""

    queued: bool
    sandboxed: bool
    stage: str | None
    branch: str | None
    shared: dict[str, Any]
    resume_from: str | None


class CodingRunChanges(TypedDict, total=False):
    """What may change of a coding run; objects are merged into those that are there."""

    state: Told
    stage: str | None
    branch: str | None
    error: str | None
    output: Any
    shared: dict[str, Any]
    removed: list[str]
    outside: bool
