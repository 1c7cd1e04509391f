"""What jobs are run with and nobody is shown."""

from __future__ import annotations

from datetime import datetime

from runyard.sdk.models.model import Model


class Secret(Model, frozen=True, kw_only=True):
    """A secret of a job, without its value."""

    name: str
    updated_at: datetime | None = None


class Environment(Model, frozen=True, kw_only=True):
    """A named set of variables that jobs are run with, without their values."""

    id: str
    name: str
    variables: list[str] = []
    created_at: datetime | None = None
    updated_at: datetime | None = None
