"""Triggers and schedules of jobs, and what runs wait for."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import Any, Generic

from msgspec import Raw, field

from runyard.sdk.models.model import NULL, Model, value_of
from runyard.sdk.models.runs import R


class Triggered(Model, Generic[R], frozen=True, kw_only=True):
    """What became of a trigger; one that was put off has no `run` yet, and a dry run's is kept nowhere."""

    outcome: str
    run: R | None = None
    payload_hash: str | None = None
    fire_at: datetime | None = None
    warnings: list[str] = []


class Schedule(Model, frozen=True, kw_only=True):
    """When a job makes runs by the clock."""

    job: str
    job_id: str
    cron: str
    timezone: str = "UTC"
    overlap: str = "allow"
    catch_up: str = "one"
    next: list[datetime] = []
    last_at: datetime | None = None


class EventWait(Model, frozen=True, kw_only=True):
    """A run that waits for an event, or waited for it; `payload` is what came."""

    id: str
    key: str
    run_id: str
    state: str
    raw_request: Raw = field(name="request", default=NULL)
    raw_payload: Raw = field(name="payload", default=NULL)
    requested_at: datetime | None = None
    expires_at: datetime | None = None
    received_at: datetime | None = None
    sent_by: str | None = None

    @cached_property
    def request(self) -> Any:
        """What the run said it waits for."""
        return value_of(self.raw_request)

    @cached_property
    def payload(self) -> Any:
        """What was sent; None while nothing was."""
        return value_of(self.raw_payload)
