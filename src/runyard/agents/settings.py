"""What the operator of the built-in agents decides, read from the environment where their process starts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from runyard.agents.code_reviewer import settings as reviewer
from runyard.agents.code_reviewer.settings import ReviewerSettings

Trust = Literal["off", "local", "any"]


class CloneLimits(Struct, frozen=True, kw_only=True):
    """How much fetching a repository may take."""

    seconds: float = 300.0
    total_bytes: int = 1 << 30


class SuiteLimits(Struct, frozen=True, kw_only=True):
    """How much running a repository's tests may take."""

    seconds: float = 1500.0
    memory_bytes: int = 4 << 30


class AgentSettings(Struct, frozen=True, kw_only=True):
    """Where agents may read, and what they may do there."""

    roots: tuple[Path, ...] = ()
    """Folders whose repositories they may read."""
    reviewer: ReviewerSettings = ReviewerSettings()
    allow_private: bool = False
    """Whether repositories may be cloned from loopback, private and link-local addresses."""
    clone: CloneLimits = CloneLimits()
    run_tests: Trust = "off"
    """Whose code may be executed: nobody's, that of folders below the roots, or that of cloned repositories too."""
    tests: SuiteLimits = SuiteLimits()
    advisories: Path | None = None
    """A folder of advisories in OSV's JSON, asked instead of anybody on the network."""
    advisories_url: str = "https://api.osv.dev"
    """Who is asked about known vulnerabilities otherwise: a server that speaks OSV's API."""


def read(environment: Mapping[str, str]) -> AgentSettings:
    """Settings from `RUNYARD_…`. Raises `ValueError` that names the variable that is wrong."""
    of_reviewer = reviewer.read(environment)
    return AgentSettings(
        roots=of_reviewer.roots,
        reviewer=of_reviewer,
        clone=_clone(environment),
        allow_private=_flag(environment, "RUNYARD_ALLOW_PRIVATE_ENDPOINTS"),
        tests=_tests(environment),
        run_tests=_trust(environment.get("RUNYARD_RUN_TESTS", "")),
        advisories=_folder(environment, "RUNYARD_ADVISORIES"),
        advisories_url=_address(environment, "RUNYARD_ADVISORIES_URL", AgentSettings().advisories_url),
    )


def _clone(environment: Mapping[str, str]) -> CloneLimits:
    usual = CloneLimits()
    mebibytes = reviewer.number(environment, "RUNYARD_CLONE_MB", usual.total_bytes / (1 << 20))
    seconds = reviewer.number(environment, "RUNYARD_CLONE_SECONDS", usual.seconds)
    return CloneLimits(seconds=seconds, total_bytes=int(mebibytes * (1 << 20)))


def _tests(environment: Mapping[str, str]) -> SuiteLimits:
    usual = SuiteLimits()
    mebibytes = reviewer.number(environment, "RUNYARD_TEST_MEMORY_MB", usual.memory_bytes / (1 << 20))
    seconds = reviewer.number(environment, "RUNYARD_TEST_SECONDS", usual.seconds)
    return SuiteLimits(seconds=seconds, memory_bytes=int(mebibytes * (1 << 20)))


def _address(environment: Mapping[str, str], name: str, usual: str) -> str:
    text = environment.get(name, "").strip().rstrip("/")
    if text and not text.startswith(("https://", "http://")):
        raise ValueError(f"{name} must be a URL, not {text!r}")
    return text or usual


def _flag(environment: Mapping[str, str], name: str) -> bool:
    return environment.get(name, "").lower() in {"1", "true", "yes", "on"}


def _trust(text: str) -> Trust:
    try:
        trust: Trust = msgspec.convert(text or "off", Trust)
    except msgspec.ValidationError:
        raise ValueError(f"RUNYARD_RUN_TESTS must be off, local or any, not {text!r}") from None
    return trust


def _folder(environment: Mapping[str, str], name: str) -> Path | None:
    text = environment.get(name, "").strip()
    if not text:
        return None
    if not Path(text).is_absolute():
        raise ValueError(f"{name} must name an absolute folder, not {text!r}")
    return Path(text)
