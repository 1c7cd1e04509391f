"""What agents find, and what they do to the world outside. Pure."""

from __future__ import annotations

import hashlib
from typing import Literal, get_args

import msgspec

from runyard.domain.records import Json

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[str, ...] = get_args(Severity)
ActionResult = Literal["success", "failure", "pending"]
RESULTS: tuple[str, ...] = get_args(ActionResult)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing an agent found in a run."""

    id: str
    project_id: int
    run_id: str
    attempt: int
    current: int
    """0 once a later attempt has told what it found."""
    job_id: str
    repository_id: str | None
    fingerprint: str
    """Tells it apart from the others of its attempt; where the agent says so it is the same from run to run."""
    severity: Severity
    type: str
    rule: str | None
    file: str | None
    line: int | None
    message: str
    suggestion: str | None
    at: int


class NewFinding(msgspec.Struct, frozen=True, kw_only=True):
    """A finding as told; without a fingerprint it is told apart by what it says."""

    severity: Severity
    type: str
    message: str
    fingerprint: str | None = None
    rule: str | None = None
    file: str | None = None
    line: int | None = None
    suggestion: str | None = None


def fingerprint_of(new: NewFinding) -> str:
    """What tells the finding apart from others of its attempt."""
    if new.fingerprint is not None:
        return new.fingerprint
    parts = (new.severity, new.type, new.rule, new.file, new.line, new.message, new.suggestion)
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:32]


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent did to the world outside."""

    id: str
    project_id: int
    run_id: str
    attempt: int
    at: int
    type: str
    description: str
    target: str | None
    url: str | None
    result: ActionResult
    details: Json | None
