"""Repositories, their hooks, and what came in by them."""

from __future__ import annotations

from datetime import datetime

from runyard.sdk.models.model import Model


class Repository(Model, frozen=True, kw_only=True):
    """A repository the project is connected to."""

    id: str
    provider: str = ""
    full_name: str = ""
    url: str | None = None
    path: str | None = None
    default_branch: str = "main"
    description: str | None = None
    language: str | None = None
    stack: dict[str, list[str]] = {}
    private: bool = False
    hook: bool = False
    created_at: datetime | None = None
    updated_at: datetime | None = None
    synced_at: datetime | None = None


class RepositoryHook(Model, frozen=True, kw_only=True):
    """What to enter at the code host; `secret` is never shown again."""

    path: str
    secret: str
    content_type: str = "application/json"
    events: list[str] = []


class DeliveredRun(Model, frozen=True, kw_only=True):
    """A run that a delivery made."""

    run_id: str
    agent_id: str = ""


class RefusedRun(Model, frozen=True, kw_only=True):
    """An agent that a delivery meant and that took no run."""

    agent_id: str
    reason: str = ""


class ReceivedDelivery(Model, frozen=True, kw_only=True):
    """What a code host sent, and what became of it."""

    delivery: str
    event: str = ""
    action: str | None = None
    received_at: datetime | None = None
    outcome: str = ""
    reason: str | None = None
    runs: list[DeliveredRun] = []
    refused: list[RefusedRun] = []
    left_out: int = 0
