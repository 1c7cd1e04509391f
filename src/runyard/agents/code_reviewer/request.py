"""What is asked for, and whether it may be had."""

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from runyard.agents.code_reviewer.errors import BadRequest, NotARepository, OutsideRoots

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
    # None: a model when one is configured; False: never; True or a model's name: say so when none is configured.
    model: bool | Text | None = None


class Limits(Struct, frozen=True, kw_only=True):
    """How much a review may take."""

    seconds: Annotated[float, Meta(gt=0)] = 600.0
    memory_bytes: Annotated[int, Meta(gt=0)] = 2 << 30
    max_files: Annotated[int, Meta(gt=0)] = 50_000
    max_file_bytes: Annotated[int, Meta(gt=0)] = 1 << 20


def parse(payload: object) -> ReviewRequest:
    """Read a run's payload; keys it does not know are left alone. Raises `BadRequest`."""
    try:
        return msgspec.convert(payload, ReviewRequest)
    except msgspec.ValidationError as error:
        raise BadRequest(
            f'The payload of a review is {{"path", "base"?, "include"?, "exclude"?, …}}: {error}'
        ) from None


def admit(path: str, roots: tuple[Path, ...]) -> Path:
    """The real folder behind `path`. Raises `BadRequest`, `OutsideRoots` or `NotARepository`."""
    if "\0" in path or not Path(path).is_absolute():
        raise BadRequest(f"The path must be absolute, on the machine where the reviewer runs: {path!r}")
    if not roots:
        raise OutsideRoots("This reviewer may read no folder yet: name some in RUNYARD_REVIEW_ROOTS")
    try:
        real = Path(path).resolve()
    except (OSError, RuntimeError) as error:
        raise NotARepository(f"{path!r} cannot be followed: {error}") from None
    # Before anything is said about the folder itself, so that nobody can feel around outside the roots.
    if not any(real.is_relative_to(root.resolve()) for root in roots):
        allowed = ", ".join(str(root) for root in roots)
        raise OutsideRoots(
            f"{path!r} lies outside the folders this reviewer may read ({allowed}): "
            "put the repository there, or add its folder to RUNYARD_REVIEW_ROOTS"
        )
    if not real.is_dir():
        raise NotARepository(f"{path!r} does not exist or is not a folder; give the top folder of a git repository")
    return real
