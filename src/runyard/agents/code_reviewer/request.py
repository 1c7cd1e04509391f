"""What is asked for, and how much it may take."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

Text = Annotated[str, Meta(min_length=1, max_length=4096)]
Glob = Annotated[str, Meta(min_length=1, max_length=256)]
Globs = Annotated[tuple[Glob, ...], Meta(max_length=100)]


class ReviewRequest(Struct, frozen=True, kw_only=True):
    """One review: which repository, what of it, and how much to tell."""

    path: Text
    base: Text | None = None
    include: Globs = ()
    exclude: Globs = ()
    max_findings: Annotated[int, Meta(ge=1, le=10_000)] = 1000
    min_severity: Literal["error", "warning", "info"] = "info"
    # None: a model when one is configured; False: never; True or a model's name: say so when none is configured.
    model: bool | Text | None = None


class Limits(Struct, frozen=True, kw_only=True):
    """How much a review may take."""

    seconds: Annotated[float, Meta(gt=0)] = 600.0
    memory_bytes: Annotated[int, Meta(gt=0)] = 2 << 30
    max_files: Annotated[int, Meta(gt=0)] = 50_000
    max_file_bytes: Annotated[int, Meta(gt=0)] = 1 << 20
