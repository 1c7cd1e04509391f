"""Runs as the dialect shows them (contract §3)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from runyard.web.entries import ArtifactEntry

Status = Literal["not_started", "queued", "in_progress", "completed", "failed", "cancelled"]
Environment = Literal["local", "cloud"]
Mode = Literal["interactive", "background"]
Kind = Literal["plan", "context", "reference", "output", "artifact", "tree_snapshot", "user_attachment", "skill_bundle"]


class TaskRunDetail(msgspec.Struct, kw_only=True):
    """A run; every key is always there."""

    id: str
    task: str
    stage: str | None
    branch: str | None
    status: Status
    environment: Environment
    log_url: str | None
    error_message: str | None
    output: Any
    state: dict[str, Any]
    artifacts: list[ArtifactEntry]
    created_at: str
    updated_at: str
    completed_at: str | None
    runtime_adapter: str | None
    provider: str | None
    model: str | None
    reasoning_effort: str | None


class PaginatedTaskRunList(msgspec.Struct, kw_only=True):
    """A page of runs, newest first."""

    count: int
    next: str | None
    previous: str | None
    results: list[TaskRunDetail]


class TaskRunCreate(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a run is made with; everything may be missing."""

    status: Status = "not_started"
    environment: Environment = "cloud"
    stage: Annotated[str, Meta(max_length=100)] | None = None
    branch: Annotated[str, Meta(max_length=255)] | None = None
    error_message: str | None = None
    output: Any = None
    state: dict[str, Any] = {}
    mode: Mode = "background"
    sandbox_environment_id: str | None = None
    runtime_adapter: Literal["claude", "codex"] | None = None
    model: str | None = None
    reasoning_effort: str | None = None
    initial_permission_mode: str | None = None
    pr_authorship_mode: Literal["user", "bot"] | None = None
    run_source: str | None = None


class TaskRunUpdate(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is changed of a run; what is missing stays."""

    status: Status | None = None
    branch: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    stage: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    output: Any = None
    state: Any = None
    error_message: str | None = None
    state_remove_keys: list[str] = []
    state_append: dict[str, Any] = {}
    environment: Literal["local"] | None = None


class SetOutputRequest(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The output that takes the place of the run's."""

    output: dict[str, Any] = {}
