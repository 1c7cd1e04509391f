"""What agents found, and did to the world outside."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from runyard.sdk.models.model import Model


class Finding(Model, frozen=True, kw_only=True):
    """One thing an agent found in a run; `fingerprint` stays the same from run to run where the agent says so."""

    id: str
    run_id: str
    severity: str
    type: str
    message: str
    attempt: int = 0
    agent_id: str | None = None
    repository_id: str | None = None
    fingerprint: str = ""
    rule: str | None = None
    file: str | None = None
    line: int | None = None
    suggestion: str | None = None
    at: datetime | None = None


class Counted(Model, frozen=True, kw_only=True):
    """How many findings were new, and how many the run has by now."""

    accepted: int
    errors: int = 0
    warnings: int = 0
    infos: int = 0


class Action(Model, frozen=True, kw_only=True):
    """What an agent did to the world outside."""

    id: str
    run_id: str
    type: str
    description: str
    attempt: int = 0
    at: datetime | None = None
    target: str | None = None
    url: str | None = None
    result: str = "success"
    details: dict[str, Any] | None = None
