"""Jobs and their versions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from runyard.sdk.models.model import Model


class Job(Model, frozen=True, kw_only=True):
    """A reusable, versioned definition of how to run something."""

    id: str
    name: str
    project: str = ""
    version: int = 1
    enabled: bool = True
    spec: dict[str, Any] = {}
    created_at: datetime | None = None
    updated_at: datetime | None = None


class JobVersion(Model, frozen=True, kw_only=True):
    """One version of a job's definition."""

    job_id: str
    version: int
    spec: dict[str, Any] = {}
    created_at: datetime | None = None
    created_by: str | None = None
