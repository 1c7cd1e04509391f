"""What the operator of the reviewer decides, read from the environment where its process starts."""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from runyard.agents.code_reviewer.model import ModelSettings
from runyard.agents.code_reviewer.request import Limits


class ReviewerSettings(Struct, frozen=True, kw_only=True):
    """Where the reviewer may read, how much a review may take, and which model it may ask."""

    roots: tuple[Path, ...] = ()
    limits: Limits = Limits()
    model: ModelSettings | None = None


def read(environment: Mapping[str, str]) -> ReviewerSettings:
    """Settings from `RUNYARD_REVIEW_…`. Raises `ValueError` that names the variable that is wrong."""
    url = environment.get("RUNYARD_REVIEW_MODEL_URL", "")
    name = environment.get("RUNYARD_REVIEW_MODEL_NAME", "")
    if bool(url) != bool(name):
        raise ValueError("RUNYARD_REVIEW_MODEL_URL and RUNYARD_REVIEW_MODEL_NAME are needed both, or neither")
    model = ModelSettings(url=url, key=environment.get("RUNYARD_REVIEW_MODEL_KEY", ""), name=name) if url else None
    return ReviewerSettings(
        roots=_folders(environment.get("RUNYARD_REVIEW_ROOTS", "")), limits=_limits(environment), model=model
    )


def _folders(text: str) -> tuple[Path, ...]:
    folders = tuple(Path(part.strip()) for part in text.split(os.pathsep) if part.strip())
    for folder in folders:
        if not folder.is_absolute():
            raise ValueError(f"RUNYARD_REVIEW_ROOTS must name absolute folders, not {str(folder)!r}")
    return folders


def _limits(environment: Mapping[str, str]) -> Limits:
    usual = Limits()
    seconds = number(environment, "RUNYARD_REVIEW_SECONDS", usual.seconds)
    mebibytes = number(environment, "RUNYARD_REVIEW_MEMORY_MB", usual.memory_bytes / (1 << 20))
    return Limits(seconds=seconds, memory_bytes=int(mebibytes * (1 << 20)))


def number(environment: Mapping[str, str], name: str, usual: float) -> float:
    """The number of at least 1 in that variable, or the usual one. Raises `ValueError`."""
    text = environment.get(name)
    if not text:
        return usual
    try:
        number = msgspec.convert(text, float, strict=False)
    except msgspec.ValidationError:
        number = 0.0
    if not 1 <= number < float("inf"):
        raise ValueError(f"{name} must be a number of at least 1, not {text!r}")
    return number
