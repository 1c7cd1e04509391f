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


class JobHealth(Model, frozen=True, kw_only=True):
    """How a job's runs fared that ended since then; `success_rate` is of those that nobody canceled."""

    job_id: str
    since: datetime | None = None
    ended: dict[str, int] = {}
    success_rate: float = 0.0
    average_seconds: float | None = None
    p95_seconds: float | None = None
    p99_seconds: float | None = None


class Dependency(Model, frozen=True, kw_only=True):
    """New runs of a job wait until the run of another that ended last ended so."""

    id: str
    job_id: str
    depends_on: str
    condition: str = "completed"
    created_at: datetime | None = None


class RunDependency(Model, frozen=True, kw_only=True):
    """A dependency of a run's job, and whether it is met for the run now."""

    dependency: Dependency
    met: bool


class RunDependencies(Model, frozen=True, kw_only=True):
    """What a run's job depends on; `met` when nothing of it stands in the run's way now."""

    met: bool
    dependencies: list[RunDependency] = []
